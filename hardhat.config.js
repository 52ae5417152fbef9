// The development chain and the contract tests. Production uses any EVM chain by RPC URL.
require("@nomicfoundation/hardhat-ethers");
const path = require("node:path");
const { subtask } = require("hardhat/config");
const {
  TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD,
} = require("hardhat/builtin-tasks/task-names");
const { settings, version } = require("./contracts/compiler");

// The compiler is the npm package `solc`, so that compiling needs no download.
subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async (args, _hre, runSuper) => {
  if (args.solcVersion !== version.short) return runSuper();
  return {
    compilerPath: path.join(path.dirname(require.resolve("solc/package.json")), "soljson.js"),
    isSolcJs: true,
    version: version.short,
    longVersion: version.long,
  };
});

module.exports = {
  solidity: { version: version.short, settings },
  paths: {
    sources: "./contracts",
    tests: "./tests/contracts",
    cache: "./build/hardhat/cache",
    artifacts: "./build/hardhat/artifacts",
  },
  networks: {
    hardhat: {
      chainId: Number(process.env.CARNET_DEV_CHAIN_ID || 31337),
      // A node keeps no state. Started again with the date of its first start and fed the same
      // transactions at the same times it arrives at the same block hashes.
      initialDate: process.env.CARNET_DEV_INITIAL_DATE || undefined,
      hardfork: "cancun",
      accounts: [], // nobody is rich here: on a chain without fees a new key can send at once
      gasPrice: 0,
      initialBaseFeePerGas: 0,
      // EIP-1559 lifts the base fee from 0 to 1 wei after a block more than half full, and at 1 wei it
      // stays for ever: every key without funds would be locked out. So no block comes near half full.
      blockGasLimit: 300_000_000,
      // Several statements fall into one second; without this each block would push the clock ahead.
      allowBlocksWithSameTimestamp: true,
      // As on any other chain a reverting transaction is mined and has a receipt with status 0.
      throwOnTransactionFailures: false,
    },
  },
  mocha: { timeout: 300_000 },
};
