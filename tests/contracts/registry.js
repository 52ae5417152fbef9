const assert = require("node:assert/strict");
const { DAY, World, chainTime, deploy, ethers, newKey } = require("./fixture");

const ROLE = { manufacturer: 1, customs: 2, carrier: 3, marketplace: 4, auditor: 5 };
const ORDER_N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const WEEK = 7n * DAY;

describe("ParticipantRegistry", function () {
  let world, registry, fr, de, pt, pt2;

  beforeEach(async function () {
    world = await World.found();
    registry = world.registry;
    [fr, de, pt, pt2] = world.authorities;
  });

  const admission = (fields = {}) => ({
    participant: newKey().address,
    role: ROLE.manufacturer,
    country: "FR",
    nameHash: ethers.id("a maker"),
    ...fields,
  });

  describe("founding", function () {
    const founder = (country) => [newKey().address, country, newKey().address];
    const found = (founders, logId = ethers.id("log")) => deploy("ParticipantRegistry", logId, 1n, founders);
    async function refusesFounding(founders, error, args, logId, rules = 1n) {
      const factory = await ethers.getContractFactory("ParticipantRegistry");
      const { data } = await factory.getDeployTransaction(logId ?? ethers.id("log"), rules, founders);
      await assert.rejects(ethers.provider.call({ data }), (problem) => {
        const refusal = factory.interface.parseError(problem.data);
        assert.equal(refusal?.name, error, problem.message);
        assert.deepEqual([...refusal.args], args);
        return true;
      });
    }

    it("knows its log, countries, threshold and authorities", async function () {
      assert.equal(await registry.logId(), world.logId);
      assert.equal(await registry.countries(), 3n);
      assert.equal(await registry.threshold(), 2n);
      assert.equal(await registry.sequence(), 0n);
      const list = (await registry.authorities()).map((a) => [...a]);
      const expected = ["FR", "DE", "PT", "PT"].map((country, i) => [
        world.authorities[i].address,
        country,
        world.recovery[i].address,
      ]);
      assert.deepEqual(list, expected);
    });

    it("makes the authorities participants of role customs and says so in events", async function () {
      assert.deepEqual([...(await registry.participant(pt.address))], [2n, 0n, 0n, "PT", ethers.ZeroHash]);
      const receipt = await ethers.provider.getTransactionReceipt(registry.deploymentTransaction().hash);
      const names = receipt.logs.map((log) => registry.interface.parseLog(log).name);
      assert.deepEqual(names, Array(4).fill("AuthorityFounded"));
    });

    it("computes k = c / 2 + 1", async function () {
      const five = ["FR", "DE", "PT", "IT", "ES"];
      for (const [countries, k] of [[five.slice(0, 2), 2n], [five.slice(0, 4), 3n], [five, 3n]]) {
        assert.equal(await (await World.found(countries)).registry.threshold(), k);
      }
    });

    it("refuses fewer than two countries", async function () {
      await refusesFounding([], "RegistryTooFewCountries", [0n, 2n]);
      await refusesFounding([founder("FR"), founder("FR")], "RegistryTooFewCountries", [1n, 2n]);
    });

    it("refuses a country that is not two capital letters", async function () {
      for (const country of ["fr", "F", "FRA", "", "F1", "ÉR", "F "]) {
        await refusesFounding([founder("DE"), founder(country)], "RegistryMalformedCountry", [country]);
      }
    });

    it("refuses a key twice, in whatever part", async function () {
      const [a, b, c] = [newKey().address, newKey().address, newKey().address];
      await refusesFounding([[a, "FR", b], [a, "DE", c]], "RegistryKeyTaken", [a]);
      await refusesFounding([[a, "FR", b], [c, "DE", b]], "RegistryKeyTaken", [b]);
      await refusesFounding([[a, "FR", b], [b, "DE", c]], "RegistryKeyTaken", [b]);
      await refusesFounding([[a, "FR", b], [c, "DE", a]], "RegistryKeyTaken", [a]);
      await refusesFounding([[a, "FR", a], [c, "DE", b]], "RegistryKeyTaken", [a]);
    });

    it("refuses the zero address, the zero log, rules of version zero and more than 64 authorities", async function () {
      const [a, b] = [newKey().address, newKey().address];
      await refusesFounding([[ethers.ZeroAddress, "FR", b]], "RegistryZeroAddress", []);
      await refusesFounding([[a, "FR", ethers.ZeroAddress]], "RegistryZeroAddress", []);
      await refusesFounding([founder("FR"), founder("DE")], "RegistryZeroLogId", [], ethers.ZeroHash);
      await refusesFounding([founder("FR"), founder("DE")], "RegistryZeroRules", [], ethers.id("log"), 0n);
      const many = Array.from({ length: 65 }, () => founder("FR"));
      await refusesFounding(many, "RegistryTooManyAuthorities", [65n, 64n]);
      await found([...many.slice(0, 20), founder("DE")]);
    });
  });

  describe("vote", function () {
    it("passes with two of three countries, whoever relays", async function () {
      const { body } = await world.execute("admitParticipant", admission(), [fr, pt]);
      assert.equal((await registry.participant(body.participant)).role, 1n);
    });

    it("refuses one country, none, and two signers of one country", async function () {
      const fields = admission();
      await world.refuseSigned("admitParticipant", fields, "RegistryTooFewVotes", [0n, 2n], []);
      await world.refuseSigned("admitParticipant", fields, "RegistryTooFewVotes", [1n, 2n], [fr]);
      await world.refuseSigned("admitParticipant", fields, "RegistryTooFewVotes", [1n, 2n], [pt, pt2]);
    });

    it("counts two signers of one country once and takes the rest", async function () {
      await world.execute("admitParticipant", admission(), [pt, pt2, de]);
    });

    it("refuses the same signer twice", async function () {
      await world.refuseSigned("admitParticipant", admission(), "RegistryDuplicateSigner", [fr.address], [fr, de, fr]);
    });

    it("refuses strangers, participants and recovery keys", async function () {
      const maker = await world.admit(ROLE.manufacturer);
      const office = await world.admit(ROLE.customs, "IT");
      for (const key of [newKey(), maker, office, world.recovery[0]]) {
        await world.refuseSigned("admitParticipant", admission(), "RegistryNotAnAuthority", [key.address], [fr, key]);
      }
    });

    it("gives the target no vote on itself", async function () {
      const fields = { participant: pt.address, suspensionKind: 1, effectiveAt: await chainTime() };
      await world.refuseSigned("suspendParticipant", fields, "RegistryTooFewVotes", [1n, 2n], [pt, fr]);
      await world.execute("suspendParticipant", fields, [pt2, fr]);
      const operator = { logId: world.logId, operator: fr.address };
      await world.refuseSigned("setOperator", operator, "RegistryTooFewVotes", [1n, 2n], [fr, de]);
    });

    it("gives a suspended authority none, and its vote back with its reinstatement", async function () {
      const fields = { participant: fr.address, suspensionKind: 2, effectiveAt: 1n };
      await world.execute("suspendParticipant", fields, [de, pt]);
      assert.equal(await registry.countries(), 2n);
      await world.refuseSigned("admitParticipant", admission(), "RegistryTooFewVotes", [1n, 2n], [fr, de]);
      await world.execute("reinstateParticipant", { participant: fr.address }, [de, pt]);
      assert.equal(await registry.countries(), 3n);
      await world.execute("admitParticipant", admission(), [fr, de]);
    });

    it("counts the threshold at execution, not at signing", async function () {
      const five = await World.found(["FR", "DE", "PT", "IT", "ES"]);
      const [a, b, c, d, e] = five.authorities;
      const body = await five.body(admission());
      const signatures = await five.sign("admitParticipant", body, [a, b]);
      await five.refuse("admitParticipant", body, signatures, "RegistryTooFewVotes", [2n, 3n]);
      for (const target of [d, e]) {
        const fields = { participant: target.address, suspensionKind: 1, effectiveAt: 1n };
        await five.execute("suspendParticipant", fields, [a, b, c]);
      }
      await five.relayed("admitParticipant", body, signatures);
    });

    it("refuses a signature altered, cut, of high s, or with v 0 or 1", async function () {
      const body = await world.body(admission());
      const [good, other] = await world.sign("admitParticipant", body, [fr, de]);
      const { r, s, v } = ethers.Signature.from(good);
      const highS = ethers.toBeHex(ORDER_N - BigInt(s), 32);
      const join = (...parts) => ethers.concat(parts);
      const refuse = (signature, error, args) =>
        world.refuse("admitParticipant", body, [signature, other], error, args);
      await refuse(join(r, highS, v === 27 ? "0x1c" : "0x1b"), "ECDSAInvalidSignatureS", [highS]);
      await refuse(join(r, s, v === 27 ? "0x00" : "0x01"), "ECDSAInvalidSignature", []);
      await refuse(ethers.dataSlice(good, 0, 64), "ECDSAInvalidSignatureLength", [64n]);
      await refuse(ethers.Signature.from(good).compactSerialized, "ECDSAInvalidSignatureLength", [64n]);
      const bentS = join(r, ethers.toBeHex(BigInt(s) ^ 1n, 32), v === 27 ? "0x1b" : "0x1c");
      await refuse(bentS, "RegistryNotAnAuthority", () => {});
    });

    it("refuses a signature for another log, registry or chain", async function () {
      const wrong = [{ salt: ethers.id("other") }, { verifyingContract: newKey().address }, { chainId: 1n }];
      for (const domain of wrong) {
        const body = await world.body(admission());
        const signatures = await world.sign("admitParticipant", body, [fr, de], domain);
        await world.refuse("admitParticipant", body, signatures, "RegistryNotAnAuthority", (signer) =>
          assert.ok(ethers.isAddress(signer)),
        );
      }
    });

    it("refuses a proposal altered in any field after signing", async function () {
      const body = await world.body(admission());
      const signatures = await world.sign("admitParticipant", body, [fr, de]);
      const altered = {
        statementId: ethers.id("other"),
        issuedAt: body.issuedAt - 1n,
        expiresAt: body.expiresAt + 1n,
        participant: newKey().address,
        role: 2,
        country: "DE",
        nameHash: ethers.id("other"),
      };
      assert.deepEqual(Object.keys(altered).sort(), Object.keys(body).sort());
      for (const [name, value] of Object.entries(altered)) {
        const bent = { ...body, [name]: value };
        await world.refuse("admitParticipant", bent, signatures, "RegistryNotAnAuthority", () => {});
      }
    });
  });

  describe("time and repetition", function () {
    const timed = async (verb, issuedAt, expiresAt, error, args) => {
      const body = { ...(await world.body(admission())), issuedAt, expiresAt };
      await world.refuse(verb, body, await world.sign(verb, body, [fr, de]), error, args);
    };
    const near = (...expected) => (...got) =>
      got.forEach((value, i) => {
        const distance = value > expected[i] ? value - expected[i] : expected[i] - value;
        assert.ok(distance <= 30_000n, `${value} is not about ${expected[i]}`);
      });

    it("refuses a life longer than 7 days, or none", async function () {
      const now = await chainTime();
      for (const expiresAt of [now + WEEK + 1n, now, now - 1n]) {
        await timed("admitParticipant", now, expiresAt, "RegistryLifetimeOutOfRange", [now, expiresAt, WEEK]);
      }
    });

    it("refuses what has expired and what comes from the future", async function () {
      const now = await chainTime();
      const past = now - DAY;
      await timed("admitParticipant", past - DAY, past, "RegistryExpired", near(past, now));
      const late = now + 400_000n;
      await timed("admitParticipant", late, late + DAY, "RegistryIssuedInFuture", near(late, now + 300_000n));
    });

    it("allows a clock that is up to 5 minutes ahead, and a whole week", async function () {
      const body = { ...(await world.body(admission())), issuedAt: (await chainTime()) + 250_000n };
      body.expiresAt = body.issuedAt + WEEK;
      await world.relayed("admitParticipant", body, await world.sign("admitParticipant", body, [fr, de]));
    });

    it("executes a statement once", async function () {
      const { body, signatures, receipt } = await world.execute("admitParticipant", admission());
      const { digest } = registry.interface.parseLog(receipt.logs[1]).args;
      await world.refuse("admitParticipant", body, signatures, "RegistryAlreadyExecuted", [digest]);
      const again = { ...body, participant: newKey().address };
      const resigned = await world.sign("admitParticipant", again, [fr, de]);
      const args = [body.statementId, digest];
      await world.refuse("admitParticipant", again, resigned, "RegistryStatementIdUsed", args);
    });
  });

  describe("admitParticipant", function () {
    it("admits every role", async function () {
      for (const role of Object.values(ROLE)) {
        const { body } = await world.execute("admitParticipant", admission({ role, country: "ZZ" }));
        const found = [...(await registry.participant(body.participant))];
        assert.deepEqual(found, [BigInt(role), 0n, 0n, "ZZ", body.nameHash]);
      }
      assert.equal(await registry.countries(), 3n);
    });

    it("refuses an unknown role, a malformed country and the zero address", async function () {
      for (const role of [0, 6, 255]) {
        await world.refuseSigned("admitParticipant", admission({ role }), "RegistryUnknownRole", [BigInt(role)]);
      }
      for (const country of ["fr", "FRA", ""]) {
        await world.refuseSigned("admitParticipant", admission({ country }), "RegistryMalformedCountry", [country]);
      }
      const nobody = admission({ participant: ethers.ZeroAddress });
      await world.refuseSigned("admitParticipant", nobody, "RegistryZeroAddress", []);
    });

    it("refuses whoever is admitted, an authority, or a recovery key", async function () {
      const maker = await world.admit(ROLE.manufacturer);
      for (const participant of [maker.address, pt.address]) {
        const fields = admission({ participant });
        await world.refuseSigned("admitParticipant", fields, "RegistryAlreadyAdmitted", [participant]);
      }
      const reserved = world.recovery[1].address;
      await world.refuseSigned("admitParticipant", admission({ participant: reserved }), "RegistryKeyTaken", [reserved]);
    });
  });

  describe("suspendParticipant, reinstateParticipant", function () {
    const suspension = (who, fields = {}) => ({
      participant: who.address,
      suspensionKind: 3,
      effectiveAt: 1_700_000_000_000n,
      ...fields,
    });

    it("suspends with a date in the past and reinstates", async function () {
      const maker = await world.admit(ROLE.manufacturer);
      await world.execute("suspendParticipant", suspension(maker));
      assert.deepEqual([...(await registry.participant(maker.address))].slice(0, 3), [1n, 3n, 1_700_000_000_000n]);
      await world.execute("reinstateParticipant", { participant: maker.address });
      assert.deepEqual([...(await registry.participant(maker.address))].slice(0, 3), [1n, 0n, 0n]);
    });

    it("takes effect now at the latest", async function () {
      const maker = await world.admit(ROLE.manufacturer);
      const late = (await chainTime()) + 60_000n;
      for (const effectiveAt of [0n, late]) {
        const fields = suspension(maker, { effectiveAt });
        await world.refuseSigned("suspendParticipant", fields, "RegistryEffectiveTimeOutOfRange", (got, latest) => {
          assert.equal(got, effectiveAt);
          assert.equal(latest % 1000n, 0n);
        });
      }
      await world.execute("suspendParticipant", suspension(maker, { effectiveAt: await chainTime() }));
    });

    it("refuses unknown kinds, strangers, and what is so already", async function () {
      const maker = await world.admit(ROLE.manufacturer);
      const stranger = newKey();
      for (const suspensionKind of [0, 4]) {
        const fields = suspension(maker, { suspensionKind });
        await world.refuseSigned("suspendParticipant", fields, "RegistryUnknownSuspensionKind", [BigInt(suspensionKind)]);
      }
      await world.refuseSigned("suspendParticipant", suspension(stranger), "RegistryNotAdmitted", [stranger.address]);
      const back = { participant: maker.address };
      await world.refuseSigned("reinstateParticipant", back, "RegistryNotSuspended", [maker.address]);
      await world.execute("suspendParticipant", suspension(maker));
      await world.refuseSigned("suspendParticipant", suspension(maker), "RegistryAlreadySuspended", [maker.address]);
      const other = { participant: stranger.address };
      await world.refuseSigned("reinstateParticipant", other, "RegistryNotAdmitted", [stranger.address]);
    });

    it("never leaves fewer than two countries", async function () {
      await world.execute("suspendParticipant", suspension(fr), [de, pt]);
      await world.execute("suspendParticipant", suspension(pt2), [de, pt]);
      assert.equal(await registry.countries(), 2n);
      const fields = suspension(de);
      await world.refuseSigned("suspendParticipant", fields, "RegistryTooFewVotes", [1n, 2n], [pt, de]);

      const pair = await World.found(["FR", "DE", "DE"]);
      const [one, , second] = pair.authorities;
      const last = suspension(one);
      await pair.refuseSigned("suspendParticipant", last, "RegistryTooFewVotes", [1n, 2n], [second]);

      const twins = await World.found(["FR", "FR", "DE"]);
      const [a, b, c] = twins.authorities;
      await twins.execute("suspendParticipant", suspension(a), [b, c]);
      await twins.refuseSigned("suspendParticipant", suspension(b), "RegistryTooFewVotes", [1n, 2n], [a, c]);
    });
  });

  describe("grantPrefix, withdrawPrefix", function () {
    let maker;
    beforeEach(async () => (maker = await world.admit(ROLE.manufacturer)));
    const grant = (prefix, holder = maker) => ({ holder: holder.address, prefix });

    it("grants and withdraws", async function () {
      for (const prefix of ["9520", "000001", "952123456789", "00000123"]) {
        if (prefix === "952123456789") await world.execute("withdrawPrefix", grant("9520"));
        await world.execute("grantPrefix", grant(prefix));
        assert.equal(await registry.prefixHolder(prefix), maker.address);
        if (prefix === "000001") await world.execute("withdrawPrefix", grant(prefix));
      }
      await world.execute("withdrawPrefix", grant("00000123"));
      assert.equal(await registry.prefixHolder("00000123"), ethers.ZeroAddress);
    });

    it("refuses what is no prefix", async function () {
      for (const prefix of ["", "952", "9520123456789", "95 1", "952a", "0000", "000000000000", "９５２０"]) {
        await world.refuseSigned("grantPrefix", grant(prefix), "RegistryMalformedPrefix", [prefix]);
      }
      assert.equal(await registry.prefixHolder("952"), ethers.ZeroAddress);
    });

    it("refuses a prefix held already, inside a held one, or around held ones", async function () {
      const rival = await world.admit(ROLE.manufacturer, "DE");
      await world.execute("grantPrefix", grant("952012"));
      for (const holder of [maker, rival]) {
        const at = (prefix) => grant(prefix, holder);
        await world.refuseSigned("grantPrefix", at("952012"), "RegistryPrefixHeld", ["952012", maker.address]);
        const inside = ["9520127", "952012", maker.address];
        await world.refuseSigned("grantPrefix", at("9520127"), "RegistryPrefixInside", inside);
        await world.refuseSigned("grantPrefix", at("9520"), "RegistryPrefixContains", ["9520", 1n]);
      }
      await world.execute("grantPrefix", grant("952013", rival));
      await world.refuseSigned("grantPrefix", grant("9520"), "RegistryPrefixContains", ["9520", 2n]);
      await world.execute("withdrawPrefix", grant("952012"));
      await world.execute("withdrawPrefix", grant("952013", rival));
      await world.execute("grantPrefix", grant("9520"));
    });

    it("refuses holders that are no active manufacturer", async function () {
      const stranger = newKey();
      await world.refuseSigned("grantPrefix", grant("9520", stranger), "RegistryNotAdmitted", [stranger.address]);
      for (const role of [2, 3, 4, 5]) {
        const other = await world.admit(role);
        const args = [other.address, BigInt(role)];
        await world.refuseSigned("grantPrefix", grant("9520", other), "RegistryNotAManufacturer", args);
      }
      await world.execute("suspendParticipant", { participant: maker.address, suspensionKind: 1, effectiveAt: 1n });
      await world.refuseSigned("grantPrefix", grant("9520"), "RegistrySuspended", [maker.address]);
    });

    it("withdraws only what this holder holds, from a suspended one too", async function () {
      const rival = await world.admit(ROLE.manufacturer, "DE");
      const none = ["9520", maker.address, ethers.ZeroAddress];
      await world.refuseSigned("withdrawPrefix", grant("9520"), "RegistryPrefixNotHeld", none);
      await world.execute("grantPrefix", grant("9520"));
      const wrong = ["9520", rival.address, maker.address];
      await world.refuseSigned("withdrawPrefix", grant("9520", rival), "RegistryPrefixNotHeld", wrong);
      await world.refuseSigned("withdrawPrefix", grant("952"), "RegistryMalformedPrefix", ["952"]);
      await world.execute("suspendParticipant", { participant: maker.address, suspensionKind: 1, effectiveAt: 1n });
      await world.execute("withdrawPrefix", grant("9520"));
    });
  });

  describe("setOperator", function () {
    it("sets and rotates the operator of this log only", async function () {
      const [one, two] = [newKey().address, newKey().address];
      for (const operator of [one, two]) {
        await world.execute("setOperator", { logId: world.logId, operator });
        assert.equal(await registry.operatorOf(world.logId), operator);
      }
      assert.equal(await registry.operatorOf(ethers.id("other")), ethers.ZeroAddress);
      const same = { logId: world.logId, operator: two };
      await world.refuseSigned("setOperator", same, "RegistryOperatorUnchanged", [two]);
    });

    it("refuses another log and the zero address", async function () {
      const other = ethers.id("other");
      const fields = { logId: other, operator: newKey().address };
      await world.refuseSigned("setOperator", fields, "RegistryOtherLog", [other, world.logId]);
      const nobody = { logId: world.logId, operator: ethers.ZeroAddress };
      await world.refuseSigned("setOperator", nobody, "RegistryZeroAddress", []);
    });
  });

  describe("raiseRules", function () {
    const next = (version) => ({ version, digest: ethers.id(`rules ${version}`) });

    it("raises them one by one, from where the log started", async function () {
      assert.equal(await registry.rules(), 1n);
      for (const version of [2, 3]) {
        await world.execute("raiseRules", next(version));
        assert.equal(await registry.rules(), BigInt(version));
      }
      for (const version of [0, 1, 2, 3, 5]) {
        await world.refuseSigned("raiseRules", next(version), "RegistryRulesNotNext", [BigInt(version), 4n]);
      }
      const later = await World.found(["FR", "DE"], 5n);
      await later.refuseSigned("raiseRules", next(5), "RegistryRulesNotNext", [5n, 6n]);
      await later.execute("raiseRules", next(6));
    });

    it("takes k countries, and nobody is its target", async function () {
      await world.refuseSigned("raiseRules", next(2), "RegistryTooFewVotes", [1n, 2n], [fr]);
      await world.execute("raiseRules", next(2), [fr, de]);
    });
  });

  it("tells the whole story in events, numbered without gaps", async function () {
    const maker = newKey();
    const steps = [
      ["setOperator", { logId: world.logId, operator: newKey().address }, 6n, "OperatorChanged"],
      ["admitParticipant", admission({ participant: maker.address }), 1n, "Admitted"],
      ["grantPrefix", { holder: maker.address, prefix: "9520001" }, 4n, "Granted"],
      ["withdrawPrefix", { holder: maker.address, prefix: "9520001" }, 5n, "Withdrawn"],
      ["suspendParticipant", { participant: maker.address, suspensionKind: 1, effectiveAt: 5n }, 2n, "Suspended"],
      ["reinstateParticipant", { participant: maker.address }, 3n, "Reinstated"],
      ["raiseRules", { version: 2, digest: ethers.id("two") }, 7n, "Raised"],
    ];
    const coder = ethers.AbiCoder.defaultAbiCoder();
    for (const [i, [verb, fields, kind, typed]] of steps.entries()) {
      const { body, signatures, receipt } = await world.execute(verb, fields);
      const [first, second] = receipt.logs.map((log) => registry.interface.parseLog(log));
      assert.deepEqual([first.name, second.name], [typed, "ProposalExecuted"]);
      assert.equal(second.args.sequence, BigInt(i + 1));
      assert.equal(second.args.kind, kind);
      assert.deepEqual([...second.args.signatures], signatures);
      const struct = registry.interface.getFunction(verb).inputs[0];
      const [decoded] = coder.decode([struct], second.args.proposal);
      assert.deepEqual(Object.fromEntries(struct.components.map((c) => [c.name, decoded[c.name]])), {
        ...body,
        ...(body.role ? { role: BigInt(body.role) } : {}),
        ...(body.version ? { version: BigInt(body.version) } : {}),
        ...(body.suspensionKind ? { suspensionKind: BigInt(body.suspensionKind) } : {}),
      });
    }
    assert.equal(await registry.sequence(), BigInt(steps.length));
  });
});
