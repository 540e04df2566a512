// Short sounds made on the spot: no file, nothing to load. Each state's number is played once.

const NOTES = {
  ready: [[880, 0, 0.09]],
  paid: [[784, 0, 0.1], [1175, 0.11, 0.22]],
  refused: [[330, 0, 0.16], [247, 0.18, 0.3]],
  ask: [[587, 0, 0.1], [587, 0.16, 0.12]],
};

let context = null;
let played = null;

export function play(sound) {
  if (!sound || sound.n === played) return;
  const first = played === null;
  played = sound.n;
  if (first) return; // what happened before this page was opened is not news
  try {
    context ??= new AudioContext();
    if (context.state === "suspended") context.resume();
    for (const [hertz, from, length] of NOTES[sound.name] ?? []) tone(hertz, context.currentTime + from, length);
  } catch {
    // a screen without a loudspeaker still shows everything
  }
}

function tone(hertz, from, length) {
  const source = context.createOscillator();
  const gain = context.createGain();
  source.frequency.value = hertz;
  gain.gain.setValueAtTime(0, from);
  gain.gain.linearRampToValueAtTime(0.25, from + 0.01);
  gain.gain.linearRampToValueAtTime(0, from + length);
  source.connect(gain).connect(context.destination);
  source.start(from);
  source.stop(from + length);
}
