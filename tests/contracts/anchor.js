const assert = require("node:assert/strict");
const { SEND, Tree, UniformTree, World, deploy, ethers, newKey, refused } = require("./fixture");

const GAS_LIMIT_PER_ANCHOR = 70_000n; // after the first anchor of a log
const NOBODY = ethers.ZeroAddress;

describe("LedgerAnchor", function () {
  const tree = new Tree();
  let world, anchor, operator, byOperator;

  beforeEach(async function () {
    world = await World.found();
    anchor = await deploy("LedgerAnchor", world.address);
    operator = newKey();
    byOperator = anchor.connect(operator);
    await world.execute("setOperator", { logId: world.logId, operator: operator.address });
  });

  async function anchored(previous, size, of = tree) {
    const proof = previous === 0 || previous === size ? [] : of.consistency(previous, size);
    const tx = await byOperator.anchor(world.logId, previous, size, of.root(size), proof, SEND);
    const receipt = await ethers.provider.getTransactionReceipt(tx.hash);
    assert.equal(receipt.status, 1);
    return receipt;
  }
  const head = async () => [...(await anchor.head(world.logId))];
  const refuse = (args, error, values, contract = byOperator) =>
    refused(contract, "anchor", [world.logId, ...args], error, values);

  describe("anchor", function () {
    it("takes the first head without a proof", async function () {
      assert.deepEqual(await head(), [0n, ethers.ZeroHash]);
      const receipt = await anchored(0, 5);
      assert.deepEqual(await head(), [5n, tree.root(5)]);
      const event = anchor.interface.parseLog(receipt.logs[0]);
      assert.equal(event.name, "Anchored");
      assert.deepEqual([...event.args], [world.logId, 5n, tree.root(5), 0n]);
      assert.equal(receipt.logs.length, 1);
    });

    it("takes each next head that extends the last one", async function () {
      let previous = 0;
      for (const size of [1, 2, 3, 8, 9, 21, 64, 65]) {
        const receipt = await anchored(previous, size);
        assert.deepEqual([...anchor.interface.parseLog(receipt.logs[0]).args].slice(2), [
          tree.root(size),
          BigInt(previous),
        ]);
        previous = size;
      }
      assert.deepEqual(await head(), [65n, tree.root(65)]);
    });

    it("succeeds without an event when the same head comes again", async function () {
      await anchored(0, 3);
      await anchored(3, 7);
      for (const [previous, proof] of [[3, tree.consistency(3, 7)], [7, []]]) {
        const tx = await byOperator.anchor(world.logId, previous, 7, tree.root(7), proof, SEND);
        const receipt = await ethers.provider.getTransactionReceipt(tx.hash);
        assert.equal(receipt.status, 1);
        assert.equal(receipt.logs.length, 0);
      }
    });

    it("refuses a first head with a proof or of another previous size", async function () {
      await refuse([0, 3, tree.root(3), [tree.root(1)]], "AnchorUnexpectedProof", [1n]);
      await refuse([2, 3, tree.root(3), tree.consistency(2, 3)], "AnchorPreviousSizeMismatch", [2n, 0n]);
    });

    it("refuses size 0", async function () {
      await refuse([0, 0, ethers.ZeroHash, []], "AnchorEmptyLog", [world.logId]);
    });

    it("refuses the same size with another root", async function () {
      await anchored(0, 3);
      await refuse([3, 3, tree.root(4), []], "AnchorOtherRoot", [3n, tree.root(4), tree.root(3)]);
    });

    it("refuses a smaller size", async function () {
      await anchored(0, 5);
      await refuse([5, 4, tree.root(4), []], "AnchorSmallerSize", [4n, 5n]);
    });

    it("refuses a step from a head that is not the stored one", async function () {
      await anchored(0, 5);
      await refuse([3, 7, tree.root(7), tree.consistency(3, 7)], "AnchorPreviousSizeMismatch", [3n, 5n]);
      await refuse([0, 7, tree.root(7), []], "AnchorPreviousSizeMismatch", [0n, 5n]);
    });

    it("refuses a history that does not extend the stored one", async function () {
      await anchored(0, 5);
      const proof = tree.consistency(5, 9);
      const bent = [proof[0].slice(0, -1) + (proof[0].endsWith("0") ? "1" : "0"), ...proof.slice(1)];
      const values = (root) => [5n, tree.root(5), 9n, root];
      await refuse([5, 9, tree.root(9), bent], "AnchorInconsistent", values(tree.root(9)));
      await refuse([5, 9, tree.root(9), []], "AnchorInconsistent", values(tree.root(9)));
      await refuse([5, 9, tree.root(8), proof], "AnchorInconsistent", values(tree.root(8)));
      assert.deepEqual(await head(), [5n, tree.root(5)]);
    });

    it("refuses a proof of more than 64 hashes", async function () {
      await anchored(0, 5);
      await refuse([5, 9, tree.root(9), Array(65).fill(tree.root(1))], "AnchorProofTooLong", [65n, 64n]);
    });
  });

  describe("who cannot anchor", function () {
    it("anybody but the operator", async function () {
      for (const key of [newKey(), world.authorities[0], world.relay]) {
        const values = [key.address, operator.address];
        await refuse([0, 3, tree.root(3), []], "AnchorNotOperator", values, anchor.connect(key));
      }
    });

    it("the operator, for a log that is not this registry's", async function () {
      const other = ethers.id("another log");
      const values = [operator.address, NOBODY];
      await refused(byOperator, "anchor", [other, 0, 3, tree.root(3), []], "AnchorNotOperator", values);
    });

    it("the former operator, once another one is set", async function () {
      await anchored(0, 3);
      const next = newKey();
      await world.execute("setOperator", { logId: world.logId, operator: next.address });
      const args = [3, 5, tree.root(5), tree.consistency(3, 5)];
      await refuse(args, "AnchorNotOperator", [operator.address, next.address]);
      const tx = await anchor.connect(next).anchor(world.logId, ...args, SEND);
      assert.equal((await ethers.provider.getTransactionReceipt(tx.hash)).status, 1);
    });
  });

  it("costs at most 70,000 gas after the first anchor", async function () {
    const large = new UniformTree();
    const steps = [[0, 1], [1, 1_000], [1_000, 1_064], [1_064, 700_001], [700_001, 1_000_000]];
    for (const [previous, size] of steps) {
      const hashes = previous === 0 ? 0 : large.consistency(previous, size).length;
      const { gasUsed } = await anchored(previous, size, large);
      console.log(`      ${previous} -> ${size}: ${hashes} hashes, ${gasUsed} gas`);
      if (previous !== 0) assert.ok(gasUsed <= GAS_LIMIT_PER_ANCHOR, `${gasUsed} gas`);
    }
    assert.equal(large.consistency(700_001, 1_000_000).length, 21);
  });
});
