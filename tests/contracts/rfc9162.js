const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { Tree, deploy } = require("./fixture");

const DATA = path.join(__dirname, "..", "..", "..", "shared", "data", "rfc6962");
const is32 = (value) => Buffer.from(value ?? "", "base64").length === 32;
const hex = (value) => "0x" + Buffer.from(value, "base64").toString("hex");

describe("RFC9162", function () {
  let harness;
  before(async () => (harness = await deploy("RFC9162Harness")));

  function shared(file, hashes, call) {
    it(`agrees with every shared case of ${file}`, async function () {
      if (!fs.existsSync(DATA)) return this.skip();
      const cases = JSON.parse(fs.readFileSync(path.join(DATA, file), "utf8"));
      const fit = cases.filter((c) => [...hashes(c), ...(c.proof ?? [])].every(is32));
      for (const c of fit) {
        assert.equal(await call(c, (c.proof ?? []).map(hex)), !c.wantErr, `${c.case}: ${c.desc}`);
      }
      assert.ok(fit.some((c) => !c.wantErr) && fit.length > 70, `${fit.length} cases`);
      console.log(`      ${fit.length} of ${cases.length} cases have 32-byte values`);
    });
  }

  // JSON numbers above 2^53 lose digits: the one such size, 2^64 - 1, stays out of range as 2^64.
  const u64 = (n) => (BigInt(n) > 2n ** 64n - 1n ? 2n ** 64n - 1n : BigInt(n));

  shared(
    "consistency.json",
    (c) => [c.root1, c.root2],
    (c, proof) => harness.verifyConsistency(u64(c.size1), hex(c.root1), u64(c.size2), hex(c.root2), proof),
  );
  shared(
    "inclusion.json",
    (c) => [c.leafHash, c.root],
    (c, proof) => harness.verifyInclusion(hex(c.leafHash), u64(c.leafIdx), u64(c.treeSize), proof, hex(c.root)),
  );

  it("accepts every pair of sizes up to 40 and refuses the neighbours", async function () {
    const tree = new Tree();
    for (let size = 1; size <= 40; ++size) {
      for (let old = 1; old <= size; ++old) {
        const proof = tree.consistency(old, size);
        const check = (a, b, p) => harness.verifyConsistency(a, tree.root(old), b, tree.root(size), p);
        assert.equal(await check(old, size, proof), true, `${old} -> ${size}`);
        assert.equal(await check(old, size, [...proof, tree.root(1)]), false, "one hash more");
        if (proof.length) assert.equal(await check(old, size, proof.slice(0, -1)), false, "one hash less");
      }
    }
  });

  it("refuses a proof of more than 64 hashes and ends on the largest sizes", async function () {
    const tree = new Tree();
    const max = 2n ** 64n - 1n;
    const long = Array(65).fill(tree.root(1));
    assert.equal(await harness.verifyConsistency(1, tree.root(1), max, tree.root(2), long), false);
    assert.equal(await harness.verifyConsistency(max - 1n, tree.root(1), max, tree.root(2), long.slice(1)), false);
    assert.equal(await harness.verifyInclusion(tree.root(1), max - 1n, max, long, tree.root(2)), false);
  });
});
