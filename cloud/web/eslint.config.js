import vue from "eslint-plugin-vue";
import tseslint from "typescript-eslint";

const areas = ["identity", "payments", "canteen", "devices", "audit", "demo"];

/** Shared parts know no app; an area knows itself and shared, and no other area. */
const zones = [
  {
    files: ["shared/**/*.{ts,vue}"],
    rules: { "no-restricted-imports": ["error", forbid(["**/apps/**"], "shared/ serves every app and may import none of them")] },
  },
  ...areas.map((area) => ({
    files: [`apps/admin/pages/${area}/**/*.{ts,vue}`],
    rules: {
      "no-restricted-imports": [
        "error",
        forbid(
          areas.filter((other) => other !== area).map((other) => `**/${other}/**`),
          "an area imports itself and shared/; what two areas need belongs in shared/",
        ),
      ],
    },
  })),
];

function forbid(group, message) {
  return { patterns: [{ group, message }] };
}

export default tseslint.config(
  { ignores: ["dist", "node_modules", "shared/api/schema.generated.d.ts"] },
  ...tseslint.configs.strict,
  ...vue.configs["flat/recommended"],
  {
    files: ["**/*.{ts,vue}"],
    languageOptions: { parserOptions: { parser: tseslint.parser, ecmaVersion: 2023, sourceType: "module" } },
    rules: {
      "max-lines": ["error", 400],
      complexity: ["error", 12],
      eqeqeq: "error",
      "no-console": "error",
      "vue/multi-word-component-names": "off",
      "vue/max-attributes-per-line": "off",
      "vue/singleline-html-element-content-newline": "off",
      "vue/html-self-closing": "off",
      "vue/html-indent": "off",
      "vue/html-closing-bracket-newline": "off",
      "vue/first-attribute-linebreak": "off",
      "vue/require-default-prop": "off",
      "vue/multiline-html-element-content-newline": "off",
    },
  },
  ...zones,
);
