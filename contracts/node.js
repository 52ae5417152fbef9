// A development chain on a free loopback port that lives exactly as long as the process that started it.
// Prints one line of JSON, {"url": ...}, when it answers. Whoever starts it keeps its standard input open.
console.log = console.error; // standard output is for that one line

const hre = require("hardhat");
const {
  TASK_NODE_CREATE_SERVER,
  TASK_NODE_GET_PROVIDER,
} = require("hardhat/builtin-tasks/task-names");

const HOST = "127.0.0.1";
const parent = process.ppid;

// The pipe closes whichever way the parent ends, SIGKILL included. A forked sibling may hold a copy of
// it, so the parent's id is watched too: an orphan gets another one.
process.stdin.on("end", () => process.exit(0)).on("error", () => process.exit(0)).resume();
setInterval(() => process.ppid === parent || process.exit(0), 500).unref();

async function main() {
  const provider = await hre.run(TASK_NODE_GET_PROVIDER);
  await provider.request({ method: "hardhat_setLoggingEnabled", params: [false] });
  const server = await hre.run(TASK_NODE_CREATE_SERVER, { hostname: HOST, port: 0, provider });
  const { port } = await server.listen();
  process.stdout.write(JSON.stringify({ url: `http://${HOST}:${port}` }) + "\n");
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
