// What the contract tests share: a chain without fees, fresh keys, three countries, signed proposals.
const assert = require("node:assert/strict");
const { createHash } = require("node:crypto");
const { ethers } = require("hardhat");

const DAY = 86_400_000n;
// ethers would offer a tip by itself, which a key without funds cannot pay.
const SEND = { gasLimit: 6_000_000n, maxFeePerGas: 0n, maxPriorityFeePerGas: 0n };
const KEY = { nextKey: 1n };

const HEADER = [
  { name: "statementId", type: "bytes32" },
  { name: "issuedAt", type: "uint64" },
  { name: "expiresAt", type: "uint64" },
];
const field = (text) => ({ type: text.split(" ")[0], name: text.split(" ")[1] });
const struct = (...fields) => [...HEADER, ...fields.map(field)];

const PROPOSALS = {
  admitParticipant: [
    "ParticipantAdmitted",
    struct("address participant", "uint8 role", "string country", "bytes32 nameHash"),
  ],
  suspendParticipant: [
    "ParticipantSuspended",
    struct("address participant", "uint8 suspensionKind", "uint64 effectiveAt"),
  ],
  reinstateParticipant: ["ParticipantReinstated", struct("address participant")],
  grantPrefix: ["PrefixGranted", struct("address holder", "string prefix")],
  withdrawPrefix: ["PrefixWithdrawn", struct("address holder", "string prefix")],
  raiseRules: ["RulesRaised", struct("uint32 version", "bytes32 digest")],
  setOperator: ["OperatorSet", struct("bytes32 logId", "address operator")],
};

/** A key of its own for every call, the same ones in every run: gas depends on the bytes of an address. */
function newKey() {
  const seed = ethers.zeroPadValue(ethers.toBeHex(KEY.nextKey++), 32);
  return new ethers.Wallet(ethers.keccak256(seed), ethers.provider);
}

async function chainTime() {
  return BigInt((await ethers.provider.getBlock("latest")).timestamp) * 1000n;
}

async function deploy(name, ...args) {
  const factory = await ethers.getContractFactory(name, newKey());
  const contract = await factory.deploy(...args, SEND);
  await contract.waitForDeployment();
  return contract;
}

/** Registry of FR, DE and PT (PT twice) and the tools to propose, sign and relay. */
class World {
  static async found(countries = ["FR", "DE", "PT", "PT"], rules = 1n) {
    const world = new World();
    world.authorities = countries.map(() => newKey());
    world.recovery = countries.map(() => newKey());
    world.logId = ethers.sha256(ethers.toUtf8Bytes("ledger.example/goods"));
    const founders = countries.map((country, i) => [
      world.authorities[i].address,
      country,
      world.recovery[i].address,
    ]);
    world.registry = await deploy("ParticipantRegistry", world.logId, rules, founders);
    world.address = await world.registry.getAddress();
    world.relay = newKey();
    return world;
  }

  async body(fields) {
    const issuedAt = await chainTime();
    const statementId = ethers.hexlify(ethers.randomBytes(32));
    return { statementId, issuedAt, expiresAt: issuedAt + DAY, ...fields };
  }

  async sign(verb, body, signers, domain = {}) {
    const [name, fields] = PROPOSALS[verb];
    const { chainId } = await ethers.provider.getNetwork();
    const full = { chainId, verifyingContract: this.address, salt: this.logId, ...domain };
    return Promise.all(signers.map((key) => key.signTypedData(full, { [name]: fields }, body)));
  }

  /** Signs as the first two countries unless said otherwise, and relays. */
  async execute(verb, fields, signers = this.authorities.slice(0, 2)) {
    const body = await this.body(fields);
    const signatures = await this.sign(verb, body, signers);
    return { body, signatures, receipt: await this.relayed(verb, body, signatures) };
  }

  async relayed(verb, body, signatures) {
    const tx = await this.registry.connect(this.relay)[verb](body, signatures, SEND);
    const receipt = await ethers.provider.getTransactionReceipt(tx.hash);
    assert.equal(receipt.status, 1, `${verb} was refused`);
    return receipt;
  }

  /** Asserts that the call is refused with exactly this error, on the chain too, and changes nothing. */
  async refuse(verb, body, signatures, error, args) {
    await refused(this.registry.connect(this.relay), verb, [body, signatures], error, args);
  }

  async refuseSigned(verb, fields, error, args, signers = this.authorities.slice(0, 2)) {
    const body = await this.body(fields);
    await this.refuse(verb, body, await this.sign(verb, body, signers), error, args);
    return body;
  }

  async admit(role, country = "FR") {
    const account = newKey();
    const nameHash = ethers.id(account.address);
    await this.execute("admitParticipant", { participant: account.address, role, country, nameHash });
    return account;
  }
}

/** @param args expected arguments, or a function that checks them */
async function refused(contract, verb, callArgs, error, args) {
  await assert.rejects(contract[verb].staticCall(...callArgs), (problem) => {
    const found = contract.interface.parseError(problem.data);
    assert.equal(found?.name, error, problem.message);
    if (typeof args === "function") args(...found.args);
    else assert.deepEqual([...found.args], args ?? []);
    return true;
  });
  const tx = await contract[verb](...callArgs, SEND);
  const receipt = await ethers.provider.getTransactionReceipt(tx.hash);
  assert.equal(receipt.status, 0);
  assert.equal(receipt.logs.length, 0);
}

/** RFC 6962 trees the simple way, by their recursive definition: the oracle for the proofs. */
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const split = (n) => 2 ** Math.floor(Math.log2(n - 1));
const leaf = (i) => sha256(Buffer.from([0]), Buffer.from(`entry ${i}`));

class Tree {
  constructor() {
    this.memo = new Map();
  }
  hash(from, to) {
    const key = `${from}-${to}`;
    if (!this.memo.has(key)) {
      const middle = from + split(to - from);
      const value =
        to - from === 1 ? leaf(from) : sha256(Buffer.from([1]), this.hash(from, middle), this.hash(middle, to));
      this.memo.set(key, value);
    }
    return this.memo.get(key);
  }
  root(size) {
    return "0x" + this.hash(0, size).toString("hex");
  }
  /** RFC 9162 2.1.4.1 */
  consistency(old, size) {
    const walk = (m, from, to, whole) => {
      if (m === to - from) return whole ? [] : [this.hash(from, to)];
      const k = split(to - from);
      if (m <= k) return [...walk(m, from, from + k, whole), this.hash(from + k, to)];
      return [...walk(m - k, from + k, to, false), this.hash(from, from + k)];
    };
    return walk(old, 0, size, true).map((h) => "0x" + h.toString("hex"));
  }
}

/** A tree of one and the same leaf: its subtrees of a size are one hash, so a million leaves cost a handful. */
class UniformTree extends Tree {
  hash(from, to) {
    return super.hash(0, to - from);
  }
}

module.exports = { DAY, SEND, Tree, UniformTree, World, chainTime, deploy, ethers, newKey, refused };
