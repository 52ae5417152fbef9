// Compiles the contracts and writes what the ledger needs of them to ledger/chain/contracts.json:
// the same sources always give the same bytes. With --stdout it prints instead of writing.
const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const solc = require("solc");
const { settings, version } = require("./compiler");

const ROOT = path.dirname(__dirname);
const TARGET = path.join(ROOT, "ledger", "chain", "contracts.json");
const CONTRACTS = {
  LedgerAnchor: "contracts/LedgerAnchor.sol",
  ParticipantRegistry: "contracts/ParticipantRegistry.sol",
};
const EIP170_LIMIT = 24_576; // bytes of runtime code that a chain accepts

const read = (name) =>
  fs.readFileSync(path.join(ROOT, name.startsWith("@") ? "node_modules" : "", name), "utf8");

function compile() {
  const sources = Object.fromEntries(Object.values(CONTRACTS).map((f) => [f, { content: read(f) }]));
  const outputSelection = { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "metadata"] } };
  const input = { language: "Solidity", sources, settings: { ...settings, outputSelection } };
  const output = JSON.parse(
    solc.compile(JSON.stringify(input), { import: (name) => ({ contents: read(name) }) }),
  );
  const problems = output.errors ?? [];
  if (problems.length) throw new Error(problems.map((p) => p.formattedMessage).join("\n"));
  return output;
}

function artefact() {
  const output = compile();
  const contracts = {};
  const used = new Set();
  for (const [name, file] of Object.entries(CONTRACTS)) {
    const { abi, evm, metadata } = output.contracts[file][name];
    const size = evm.deployedBytecode.object.length / 2;
    if (size > EIP170_LIMIT) throw new Error(`${name} has ${size} bytes of code, a chain takes ${EIP170_LIMIT}`);
    for (const source of Object.keys(JSON.parse(metadata).sources)) used.add(source);
    contracts[name] = { abi, bytecode: "0x" + evm.bytecode.object };
  }
  const sha256 = (name) => crypto.createHash("sha256").update(read(name)).digest("hex");
  const sources = Object.fromEntries([...used].sort().map((name) => [name, sha256(name)]));
  return JSON.stringify({ solc: version.long, settings, sources, contracts }, null, 1) + "\n";
}

if (process.argv.includes("--stdout")) process.stdout.write(artefact());
else fs.writeFileSync(TARGET, artefact());
