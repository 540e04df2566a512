// Elements without strings of HTML: what came from outside can never become markup.

export function h(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else if (key === "data") Object.assign(element.dataset, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function put(place, ...children) {
  place.replaceChildren(...children.flat(Infinity).filter(Boolean));
}

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  check: ["M4 12.5 9.5 18 20 6.5"],
  cross: ["M6 6 18 18", "M18 6 6 18"],
  look: ["M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18", "M12 7.5v5.5", "M12 16.4v.1"],
  place: ["M12 3v11", "M7.5 9.5 12 14l4.5-4.5", "M4 19h16"],
  card: ["M3 6.5h18v11H3z", "M3 10.5h18", "M6.5 14.5h4"],
  read: ["M4 8V5h3", "M17 5h3v3", "M20 16v3h-3", "M7 19H4v-3", "M4 12h16"],
  wait: ["M12 3a9 9 0 1 1-9 9"],
  plug: ["M9 3v5", "M15 3v5", "M6 8h12v3a6 6 0 0 1-12 0z", "M12 17v4"],
  tray: ["M2.5 17.5h19", "M5 17.5a7 7 0 0 1 14 0", "M12 10.5V8"],
  scale: ["M4 20h16l-1.5-9h-13z", "M12 11V7", "M7 5.5h10", "M12 16a2.5 2.5 0 0 1-2.5-2.5"],
  gate: ["M5 21V4", "M19 21V4", "M9 8l4 4-4 4", "M13 12H6"],
  stall: ["M4 10h16", "M5 10 6.5 4h11L19 10", "M6 10v10h12V10", "M10 20v-5h4v5"],
  lock: ["M6 11h12v9H6z", "M8.5 11V8a3.5 3.5 0 0 1 7 0v3"],
  face: ["M12 3a8 8 0 0 1 8 8c0 5-4 10-8 10s-8-5-8-10a8 8 0 0 1 8-8", "M9 10.5v.1", "M15 10.5v.1", "M9 15.5c1.8 1.3 4.2 1.3 6 0"],
  camera: ["M3 8h4l2-3h6l2 3h4v11H3z", "M12 10a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7"],
  phone: ["M8 3h8v18H8z", "M11 18h2"],
  cloud: ["M7 18a4 4 0 0 1-.5-8 5.5 5.5 0 0 1 10.6 1.2A3.5 3.5 0 0 1 17 18z"],
  offline: ["M7 18a4 4 0 0 1-.5-8", "M9.5 6.3a5.5 5.5 0 0 1 7.6 4.9A3.5 3.5 0 0 1 19 17", "M4 4l16 16"],
  back: ["M20 12H5", "M11 6l-6 6 6 6"],
  erase: ["M9 5h12v14H9l-6-7z", "M12 9.5l5 5", "M17 9.5l-5 5"],
  print: ["M7 9V4h10v5", "M7 17H4V9h16v8h-3", "M7 14h10v6H7z"],
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  for (const d of PATHS[name] ?? PATHS.look) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
