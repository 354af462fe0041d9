// Read by `openapi/generate`, which says what goes where.
export default {
  input: process.env.SDK_DOCUMENT,
  output: {
    path: process.env.SDK_OUTPUT,
    // ECMAScript modules, as browsers and Node.js load them: an import bears its extension.
    module: { extension: ".js" },
  },
  plugins: ["@hey-api/client-fetch", "@hey-api/sdk", "@hey-api/typescript"],
  // Nothing but the SDK: no file of its own log, no word to anybody.
  logs: { file: false },
};
