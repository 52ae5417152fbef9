// One compiler and one set of settings for the tests (Hardhat) and for the artefact (build.js).
exports.version = {
  short: require("solc/package.json").version,
  // Loading the compiler takes a second, and the development node never compiles.
  get long() {
    return require("solc").version().replace(/\.Emscripten.*$/, "");
  },
};

exports.settings = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 200 },
};
