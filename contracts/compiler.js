// One compiler and one set of settings for the tests (Hardhat) and for the artefact (build.js).
const solc = require("solc");

exports.version = {
  short: require("solc/package.json").version,
  long: solc.version().replace(/\.Emscripten.*$/, ""),
};

exports.settings = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 200 },
};
