import { suite } from "@effect-feishu/emulator/ClaimsSuite"
import { newApp, ticket } from "@effect-feishu/emulator/TicketStoreSuite"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  type Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Schema,
  TestClock
} from "effect"
import * as Claims from "../src/Claims.js"
import * as TicketStore from "../src/TicketStore.js"
import * as KeyValues from "./keyValues.js"
import { kvsError, recorded, recordedOverTime, temporaryFolder } from "./keyValues.js"

suite("in memory", Claims.layerMemory)

suite(
  "in a KeyValueStore in memory",
  Layer.provide(Claims.layerKeyValueStore(KeyValues.patient), KeyValueStore.layerMemory)
)

suite(
  "in a KeyValueStore of files",
  KeyValues.inFiles(Claims.layerKeyValueStore(KeyValues.patient))
)

const app = "cli_a"
const hour = Duration.hours(1)

const isClaimed = (answer: Claims.Answer) => answer._tag === "Claimed"

const claimOf = (answer: Claims.Answer) =>
  answer._tag === "Claimed" ? answer.claim : assert.fail(`the name is taken for ${Duration.format(answer.left)} longer`)

const takenFor = (left: Duration.DurationInput, isHeld = false) =>
  Claims.Answer.Taken({ left: Duration.decode(left), isHeld })

/** Claims a name if it is free. */
const isFree = (store: Claims.Service, name: string) => Effect.map(store.claim(app, name, hour), isClaimed)

const makeKvs = () => KeyValues.makeKvsFor(Claims.makeKeyValueStore)

const assertNowhere = KeyValues.nowhereIn(Claims.ClaimsError)

describe("Claims, in memory", () => {
  it.effect("forgets the oldest name when there are too many", () =>
    Effect.gen(function*() {
      const store = yield* Claims.makeMemory({ maxClaims: 3 })
      for (const name of ["a", "b", "c"]) assert.isTrue(yield* isFree(store, name))
      yield* store.hold(app, "a", hour)
      assert.isTrue(yield* isFree(store, "d"))
      // The oldest was b, since a has been held anew.
      for (const name of ["a", "c", "d"]) assert.isFalse(yield* isFree(store, name), name)
      assert.isTrue(yield* isFree(store, "b"))
      assert.isTrue(yield* isFree(store, "c"))
    }))

  it.effect("a claim that is renewed is the newest", () =>
    Effect.gen(function*() {
      const store = yield* Claims.makeMemory({ maxClaims: 2 })
      const first = claimOf(yield* store.claim(app, "a", hour))
      assert.isTrue(yield* isFree(store, "b"))
      assert.isTrue(yield* store.renew(first, hour))
      assert.isTrue(yield* isFree(store, "c"))
      for (const name of ["a", "c"]) assert.isFalse(yield* isFree(store, name), name)
      assert.isTrue(yield* isFree(store, "b"))
    }))

  it.effect("a claim that was forgotten is not renewed, and its release frees nobody else's name", () =>
    Effect.gen(function*() {
      const store = yield* Claims.makeMemory({ maxClaims: 1 })
      const first = claimOf(yield* store.claim(app, "a", hour))
      assert.isTrue(yield* isFree(store, "b"))
      assert.isFalse(yield* store.renew(first, hour))
      assert.isFalse(yield* isFree(store, "b"))
      assert.isTrue(yield* isFree(store, "a"))
      yield* store.release(first)
      assert.isFalse(yield* isFree(store, "a"))
    }))

  it.effect("forgets names that have expired before any other, and counts each app's own", () =>
    Effect.gen(function*() {
      const store = yield* Claims.makeMemory({ maxClaims: 2 })
      yield* store.claim(app, "short", Duration.seconds(1))
      yield* store.claim(app, "long", hour)
      yield* Effect.forEach(Arr.range(1, 10), (n) => store.claim("cli_b", `${n}`, hour))
      yield* TestClock.adjust("1 second")
      const claim = claimOf(yield* store.claim(app, "new", hour))
      assert.isFalse(yield* isFree(store, "long"))
      yield* store.release(claim)
      assert.isTrue(yield* isFree(store, "another"))
      assert.isFalse(yield* isFree(store, "long"))
    }))

  it.effect("a claim lasts as long, however the system's clock is set", () =>
    Effect.gen(function*() {
      const clock = yield* Effect.clock
      let correction = 0
      const set: Clock.Clock = Object.assign(Object.create(clock), {
        currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + correction),
        unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + correction,
        unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos()
      })
      yield* Effect.gen(function*() {
        const store = yield* Claims.makeMemory()
        for (const millis of [86_400_000, -86_400_000]) {
          correction = 0
          const name = String(millis)
          yield* store.claim(app, name, hour)
          correction = millis
          assert.deepStrictEqual(yield* store.claim(app, name, hour), takenFor(hour))
          yield* TestClock.adjust(hour)
          assert.isTrue(yield* isFree(store, name))
        }
      }).pipe(Effect.withClock(set))
    }))

  it.effect("of one layer are not those of another", () =>
    Effect.gen(function*() {
      const store = Effect.map(Layer.build(Claims.layerMemory), Context.get(Claims.Claims))
      const [one, other] = [yield* store, yield* store]
      assert.isTrue(yield* isFree(one, "name"))
      assert.isTrue(yield* isFree(other, "name"))
    }).pipe(Effect.scoped))
})

describe("Claims, in a KeyValueStore", () => {
  const overFiles = (folder: string) =>
    Effect.map(
      Layer.build(Layer.provide(Claims.layerKeyValueStore(KeyValues.patient), KeyValueStore.layerFileSystem(folder))),
      Context.get(Claims.Claims)
    )

  it.scopedLive("survive a restart", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const app = yield* newApp
      const renewed = yield* Effect.scoped(Effect.gen(function*() {
        const store = yield* overFiles(`${folder}/new`)
        yield* store.claim(app, "claimed", hour)
        yield* store.hold(app, "held", hour)
        yield* store.release(claimOf(yield* store.claim(app, "released", hour)))
        return claimOf(yield* store.claim(app, "renewed", hour))
      }))
      const store = yield* overFiles(`${folder}/new`)
      assert.isFalse(isClaimed(yield* store.claim(app, "claimed", hour)))
      assert.isFalse(isClaimed(yield* store.claim(app, "held", hour)))
      assert.isTrue(isClaimed(yield* store.claim(app, "released", hour)))
      assert.isTrue(yield* store.renew(renewed, hour))
      yield* store.release(renewed)
      assert.isTrue(isClaimed(yield* store.claim(app, "renewed", hour)))
    }).pipe(Effect.provide(NodeContext.layer)))

  it.effect("keep to their prefix", () =>
    Effect.gen(function*() {
      const { entries, only, store } = makeKvs()
      for (const prefix of [undefined, "a/", ""]) {
        entries.clear()
        const prefixed = yield* store({ prefix })
        yield* prefixed.claim(app, "name", hour)
        assert.isTrue(only()[0].startsWith(`${prefix ?? "feishu/"}claims/`))
      }
      const [one, two] = [yield* store({ prefix: "1/" }), yield* store({ prefix: "2/" })]
      assert.isTrue(yield* isFree(one, "name"))
      assert.isTrue(yield* isFree(two, "name"))
    }))

  it.effect("are provided together with a TicketStore, under the same prefix", () =>
    Effect.gen(function*() {
      const { entries, kvs } = makeKvs()
      for (const prefix of [undefined, "a/"]) {
        entries.clear()
        const context = yield* Layer.build(Layer.provide(
          TicketStore.layerKeyValueStore({ prefix }),
          Layer.succeed(KeyValueStore.KeyValueStore, kvs)
        ))
        const claims = Context.get(context, Claims.Claims)
        yield* Context.get(context, TicketStore.TicketStore).put(app, ticket(1))
        assert.isTrue(yield* isFree(claims, "name"))
        assert.isFalse(yield* isFree(claims, "name"))
        assert.strictEqual(entries.size, 2)
        for (const key of entries.keys()) assert.isTrue(key.startsWith(prefix ?? "feishu/"), key)
      }
    }).pipe(Effect.scoped))

  it.effect("name each holder, with its start and its end", () =>
    Effect.gen(function*() {
      const { only, store } = makeKvs()
      const { claim, hold, renew } = yield* store()
      yield* TestClock.setTime(1000)
      const written = () => Schema.decodeUnknownSync(Schema.parseJson(Schema.Unknown))(only()[1])
      const { id } = claimOf(yield* claim(app, "name", Duration.seconds(5)))
      assert.deepStrictEqual(written(), [["name", 1000, 6000, id]])
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* renew({ appId: app, name: "name", id }, Duration.seconds(5)))
      assert.deepStrictEqual(written(), [["name", 2000, 7000, id]])
      yield* TestClock.adjust("1 second")
      yield* hold(app, "name", Duration.seconds(5))
      assert.deepStrictEqual(written(), [["name", 3000, 8000, ""]])
    }))

  it.effect("a claim is not held for longer because the clock was set back", () =>
    Effect.gen(function*() {
      const { claim } = yield* makeKvs().store()
      yield* TestClock.setTime(10 * 86_400_000)
      yield* claim(app, "name", Duration.hours(8))
      // So little that it may be another machine's clock.
      yield* TestClock.setTime(10 * 86_400_000 - 60_000)
      assert.isFalse(isClaimed(yield* claim(app, "name", hour)))
      yield* TestClock.setTime(9 * 86_400_000)
      // A remembered event is not forgotten by that, and nothing is held for a day.
      assert.deepStrictEqual(yield* claim(app, "name", hour), takenFor("8 hours"))
      yield* TestClock.adjust("8 hours")
      assert.isTrue(isClaimed(yield* claim(app, "name", hour)))
    }))

  it.effect("a claim can be renewed and released though the clock was set back", () =>
    Effect.gen(function*() {
      const { claim, release, renew } = yield* makeKvs().store()
      yield* TestClock.setTime(10 * 86_400_000)
      const first = claimOf(yield* claim(app, "name", Duration.hours(8)))
      yield* TestClock.setTime(9 * 86_400_000)
      assert.isTrue(yield* renew(first, hour))
      assert.deepStrictEqual(yield* claim(app, "name", hour), takenFor(hour))
      yield* TestClock.setTime(8 * 86_400_000)
      yield* release(first)
      assert.isTrue(isClaimed(yield* claim(app, "name", hour)))
    }))

  it.effect("a claim of any duration leaves the others as they are", () =>
    Effect.gen(function*() {
      const store = yield* makeKvs().store({ maxClaims: 256_000 })
      const names = Arr.makeBy(300, (n) => `event/${n}`)
      for (const name of names) yield* store.claim(app, name, hour)
      for (const duration of [Duration.infinity, Duration.zero, Duration.nanos(1n), Duration.days(1e6)]) {
        yield* store.claim(app, `for ${Duration.format(duration)}`, duration)
      }
      for (const name of names) assert.isFalse(yield* isFree(store, name), name)
      assert.isFalse(yield* isFree(store, `for ${Duration.format(Duration.infinity)}`))
    }))

  it.effect("forget the oldest names when there are too many", () =>
    Effect.gen(function*() {
      const { entries, store, written } = makeKvs()
      const kept = yield* store({ maxClaims: 512 })
      /** By entry: the names that were written into it, in order. */
      const names = new Map<string, Array<string>>()
      for (const n of Arr.range(1, 1000)) {
        const name = `<${n}>`
        assert.isTrue(yield* isFree(kept, name))
        const key = written.at(-1)?.key ?? assert.fail("nothing written")
        names.set(key, [...(names.get(key) ?? []), name])
        if (n % 100 === 0) yield* TestClock.adjust(1)
      }
      let count = 0
      for (const [key, claimed] of names) {
        const held = claimed.filter((name) => entries.get(key)?.includes(name))
        assert.deepStrictEqual(held, claimed.slice(-held.length), "not the newest")
        assert.isAtLeast(held.length, 1)
        count += held.length
      }
      assert.isAtMost(count, 512)
      // More than half, though names may not be spread evenly.
      assert.isAbove(count, 256)
    }))

  it.effect("keep one name at least", () =>
    Effect.gen(function*() {
      for (const maxClaims of [0, 1, -1]) {
        const store = yield* makeKvs().store({ maxClaims })
        assert.isTrue(yield* isFree(store, "name"))
        assert.isFalse(yield* isFree(store, "name"))
      }
    }))

  it.effect("write no name that has expired", () =>
    Effect.gen(function*() {
      const { entries, store, written } = makeKvs()
      const { claim } = yield* store()
      for (const n of Arr.range(1, 300)) yield* claim(app, `<${n}>`, Duration.seconds(1))
      yield* TestClock.adjust("1 second")
      written.length = 0
      for (const n of Arr.range(1, 300)) yield* claim(app, `[${n}]`, hour)
      assert.isAbove(written.length, 0)
      for (const { key } of written) assert.notInclude(entries.get(key), "<")
    }))

  it.effect("write nothing where nothing changes", () =>
    Effect.gen(function*() {
      const { store, written } = makeKvs()
      const { claim, release, renew } = yield* store()
      yield* release({ appId: app, name: "a name without an entry", id: "1" })
      assert.deepStrictEqual(written, [])
      const first = claimOf(yield* claim(app, "name", hour))
      yield* release(first)
      yield* claim(app, "name", hour)
      written.length = 0
      assert.isFalse(isClaimed(yield* claim(app, "name", hour)))
      assert.isFalse(yield* renew(first, hour))
      yield* release(first)
      assert.deepStrictEqual(written, [])
    }))

  describe("an unreadable entry", () => {
    const whole = `[["the-name",0,${Number.MAX_SAFE_INTEGER},"1"]]`

    it.effect("would be readable, were it whole", () =>
      Effect.gen(function*() {
        const { entries, only, store } = makeKvs()
        const kept = yield* store()
        yield* kept.claim(app, "the-name", hour)
        entries.set(only()[0], whole)
        yield* TestClock.adjust(hour)
        assert.isFalse(yield* isFree(kept, "the-name"))
        yield* kept.release({ appId: app, name: "the-name", id: "1" })
        assert.isTrue(yield* isFree(kept, "the-name"))
      }))

    const texts: Record<string, string> = {
      "cut off": whole.slice(0, -1),
      "of no byte": "",
      "of binary garbage": "\u0000\ufffdthe-name",
      "that is another kind of JSON": "null",
      "that is an object": "{\"the-name\":[0,1e15]}",
      "of numbers": "[1]",
      "of names alone": "[\"the-name\"]",
      "without an id": whole.replace(",\"1\"", ""),
      "with more than an id": whole.replace("\"1\"", "\"1\",2"),
      "with an id that is no text": whole.replace("\"1\"", "1"),
      "with a name that is no text": whole.replace("\"the-name\"", "[\"the-name\"]"),
      "with a start that is no number": whole.replace("0", "\"the-name\""),
      "with an end that is no number": whole.replace(`${Number.MAX_SAFE_INTEGER}`, "\"1\""),
      "without an end": whole.replace(`${Number.MAX_SAFE_INTEGER}`, "null"),
      "of which a part is readable": whole.replace("]]", "],[]]")
    }

    it.effect.each(Object.entries(texts))(
      "%s counts as absent, is told of once, and is overwritten",
      ([_, text]) =>
        Effect.gen(function*() {
          assert.notStrictEqual(text, whole)
          const { entries, only, store } = makeKvs()
          const kept = yield* store()
          yield* kept.claim(app, "the-name", hour)
          const [key] = only()
          entries.set(key, text)
          const lines = yield* recordedOverTime(Effect.gen(function*() {
            assert.isTrue(yield* isFree(kept, "the-name"))
            assert.isFalse(yield* isFree(kept, "the-name"))
          }))
          assert.strictEqual(lines.length, 1)
          assert.match(lines[0] ?? "", /^WARN /)
          assert.include(lines[0], `the entry ${key} of the Claims is unreadable: it will be overwritten`)
          assert.notInclude(lines[0], "the-name")
        })
    )

    it.effect("is waited for where another process is writing it, and is nothing to tell of", () =>
      Effect.gen(function*() {
        const { before, entries, only, store } = makeKvs()
        const kept = yield* store()
        assert.isTrue(yield* isFree(kept, "name"))
        const [key, text] = only()
        for (const unfinished of ["", text.slice(0, -1)]) {
          let reads = 0
          before.get = () => Effect.sync(() => void entries.set(key, ++reads < 4 ? unfinished : text))
          const lines = yield* recordedOverTime(
            Effect.map(isFree(kept, "name"), (isFree) => assert.isFalse(isFree))
          )
          assert.deepStrictEqual(lines, [])
          assert.strictEqual(reads, 4)
        }
      }))

    it.scopedLive("among files, too", () =>
      Effect.gen(function*() {
        const folder = yield* temporaryFolder
        const fs = yield* FileSystem.FileSystem
        const store = yield* overFiles(folder)
        assert.isTrue(yield* isFree(store, "name"))
        const [file = ""] = yield* fs.readDirectory(folder)
        for (const bytes of [new Uint8Array(), Uint8Array.of(0xff, 0xfe, 0, 0xc3, 0x28), new Uint8Array(10_000)]) {
          yield* fs.writeFile(`${folder}/${file}`, bytes)
          const lines = yield* recorded(Effect.gen(function*() {
            assert.isTrue(yield* isFree(store, "name"))
            assert.isFalse(yield* isFree(store, "name"))
          }))
          assert.strictEqual(lines.length, 1)
        }
      }).pipe(Effect.provide(NodeContext.layer)))
  })

  type Operation = (store: Claims.Service, claim: Claims.Claim) => Effect.Effect<unknown, Claims.ClaimsError>

  /** Each is given a claim of its own that is still valid. */
  const operations: ReadonlyArray<[name: Claims.ClaimsError["operation"], run: Operation]> = [
    ["claim", (store) => store.claim(app, "name", hour)],
    ["renew", (store, claim) => store.renew(claim, hour)],
    ["release", (store, claim) => store.release(claim)],
    ["hold", (store) => store.hold(app, "name", hour)]
  ]

  const withClaim = Effect.gen(function*() {
    const made = makeKvs()
    const kept = yield* made.store()
    return { ...made, kept, claimed: claimOf(yield* kept.claim(app, "claimed", hour)) }
  })

  describe("that fails", () => {
    it.effect.each(operations)(
      "to be read, makes %s fail, in a typed way and for this time only",
      ([name, run]) =>
        Effect.gen(function*() {
          const { before, claimed, kept } = yield* withClaim
          before.get = () => kvsError("the disk is gone", Object.assign(new Error("EIO: no answer"), { code: "EIO" }))
          const error = yield* assertNowhere(yield* Effect.exit(run(kept, claimed)), [])
          assert.deepInclude(error, { _tag: "ClaimsError", operation: name, appId: app })
          assert.include(error.message, `Claims.${name} for ${app}`)
          assert.include(error.message, "the disk is gone")
          assert.include(error.message, "EIO: no answer")
          assert.instanceOf(error.cause, Error)
          delete before.get
          yield* run(kept, claimed)
        })
    )

    it.effect.each(operations)(
      "to be written, makes %s fail, in a typed way and for this time only",
      ([name, run]) =>
        Effect.gen(function*() {
          const { before, claimed, kept } = yield* withClaim
          before.set = () => kvsError("the disk is full")
          const error = yield* assertNowhere(yield* Effect.exit(run(kept, claimed)), [])
          assert.deepInclude(error, { operation: name, appId: app })
          assert.include(error.message, "the disk is full")
          delete before.set
          yield* run(kept, claimed)
        })
    )

    it.effect("to be written, changes nothing", () =>
      Effect.gen(function*() {
        const { before, claimed, kept } = yield* withClaim
        yield* TestClock.adjust("1 minute")
        before.set = () => kvsError("the disk is full")
        for (const [, run] of operations) yield* Effect.flip(run(kept, claimed))
        delete before.set
        assert.isTrue(yield* isFree(kept, "name"))
        assert.deepStrictEqual(yield* kept.claim(app, "claimed", hour), takenFor("59 minutes"))
        assert.isTrue(yield* kept.renew(claimed, hour))
      }))
  })

  describe("that hangs", () => {
    for (const uninterruptible of [false, true]) {
      it.effect.each(operations)(
        `%s fails after 2 s${uninterruptible ? ", even where nothing may interrupt it" : ""}`,
        ([name, run]) =>
          Effect.gen(function*() {
            const { before, claimed, kept } = yield* withClaim
            const hang = yield* Deferred.make<void>()
            before.get = () => Deferred.await(hang)
            const operation = run(kept, claimed)
            const fiber = yield* Effect.fork(
              Effect.exit(uninterruptible ? Effect.uninterruptible(operation) : operation)
            )
            yield* TestClock.adjust("1999 millis")
            assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
            yield* TestClock.adjust("1 millis")
            const exit = yield* Fiber.poll(fiber)
            // Or else this test would hang, too.
            yield* Deferred.succeed(hang, undefined)
            if (Option.isNone(exit)) return assert.fail("it hangs")
            const error = yield* assertNowhere(yield* exit.value, [])
            assert.deepInclude(error, { appId: app, operation: name, description: "no answer within 2s" })
          })
      )
    }

    it.effect("for another time, if they are told so", () =>
      Effect.gen(function*() {
        const { before, store } = makeKvs()
        const kept = yield* store({ timeout: "30 seconds" })
        before.set = () => Effect.never
        const fiber = yield* Effect.fork(Effect.flip(kept.claim(app, "name", hour)))
        yield* TestClock.adjust("29 seconds")
        assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
        yield* TestClock.adjust("1 second")
        assert.include((yield* Fiber.join(fiber)).message, "no answer within 30s")
      }))

    it.effect("works again when it no longer hangs; whoever gave up meanwhile has done nothing", () =>
      Effect.gen(function*() {
        for (const method of ["get", "set"] as const) {
          const { before, store, written } = makeKvs()
          const kept = yield* store()
          const hang = yield* Deferred.make<void>()
          before[method] = (key) => key.includes(app) ? Deferred.await(hang) : Effect.void
          const given = yield* Effect.forkAll(Arr.replicate(Effect.exit(kept.hold(app, "name", hour)), 10))
          yield* TestClock.adjust("1 second")
          // Another app is not kept waiting.
          assert.isTrue(isClaimed(yield* kept.claim("cli_b", "name", hour)))
          yield* TestClock.adjust("1 second")
          for (const exit of yield* Fiber.join(given)) assert.isTrue(Exit.isFailure(exit))

          delete before[method]
          yield* Deferred.succeed(hang, undefined)
          yield* TestClock.adjust(0)
          assert.isAtMost(written.filter(({ key }) => key.includes(app)).length, 1)
          yield* kept.hold(app, "name", Duration.minutes(1))
          assert.deepStrictEqual(yield* kept.claim(app, "name", hour), takenFor("1 minute", true))
        }
      }))
  })

  it.effect("a claim that is interrupted is made whole, or not at all", () =>
    Effect.gen(function*() {
      const { before, entries, store } = makeKvs()
      const inTheMiddle = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const kept = yield* store()
      // Written in two steps, as a file is: in between it is not whole.
      before.set = (key, value) =>
        Effect.zipRight(
          Effect.sync(() => entries.set(key, value.slice(0, 10))),
          Effect.zipRight(Deferred.succeed(inTheMiddle, undefined), Deferred.await(goOn))
        )
      const fiber = yield* Effect.fork(kept.claim(app, "name", hour))
      yield* Deferred.await(inTheMiddle)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      delete before.set
      yield* Deferred.succeed(goOn, undefined)
      assert.isFalse(yield* isFree(kept, "name"))
    }))

  it.scopedLive("an app id that is too long for a file's name is a failure like any other", () =>
    Effect.gen(function*() {
      const { claim, hold, release, renew } = yield* overFiles(yield* temporaryFolder)
      const long = { appId: "x".repeat(1000), name: "name", id: "1" }
      const runs: ReadonlyArray<Effect.Effect<unknown, Claims.ClaimsError>> = [
        claim(long.appId, long.name, hour),
        hold(long.appId, long.name, hour),
        renew(long, hour),
        release(long)
      ]
      for (const run of runs) yield* assertNowhere(yield* Effect.exit(run), [])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.effect("an operation is one effect that can be run again", () =>
    Effect.gen(function*() {
      const { claim, release, renew } = yield* makeKvs().store()
      const claiming = claim(app, "name", hour)
      const first = claimOf(yield* claiming)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* claiming, takenFor("59 minutes"))
      const renewing = renew(first, hour)
      assert.isTrue(yield* renewing)
      yield* release(first)
      assert.isFalse(yield* renewing)
      const second = claimOf(yield* claiming)
      assert.notStrictEqual(second.id, first.id, "each claim has an id of its own")
    }))
})

describe("ClaimsError", () => {
  it("says what was done, what was seen and what to do, in every form", () => {
    const error = new Claims.ClaimsError({ appId: app, operation: "renew", description: "the disk is full" })
    assert.strictEqual(
      error.message,
      "Claims.renew for cli_a: the disk is full. Check that the store behind Claims works"
    )
    assert.include(String(error), error.message)
  })
})
