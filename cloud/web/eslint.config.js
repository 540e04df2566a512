import importX from "eslint-plugin-import-x";
import vue from "eslint-plugin-vue";
import tseslint from "typescript-eslint";

const areas = ["identity", "payments", "canteen", "devices", "audit", "demo"];

/** Shared parts know no app; an area knows itself and shared, and no other area. */
const zones = [
  { target: "./shared", from: "./apps", message: "shared/ serves every app and may import none of them" },
  ...areas.map((area) => ({
    target: `./apps/admin/pages/${area}`,
    from: "./apps/admin/pages",
    except: [`./${area}`],
    message: "an area imports itself and shared/; what two areas need belongs in shared/",
  })),
];

export default tseslint.config(
  { ignores: ["dist", "node_modules", "shared/api/schema.generated.d.ts"] },
  ...tseslint.configs.strict,
  ...vue.configs["flat/recommended"],
  {
    files: ["**/*.{ts,vue}"],
    plugins: { "import-x": importX },
    languageOptions: { parserOptions: { parser: tseslint.parser, ecmaVersion: 2023, sourceType: "module" } },
    settings: { "import-x/resolver": { node: { extensions: [".ts", ".vue", ".js"] } } },
    rules: {
      "import-x/no-restricted-paths": ["error", { zones }],
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
);
