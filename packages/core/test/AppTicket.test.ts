import { Emulator, EmulatorTest, Fault, Journal } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import {
  Chunk,
  Clock,
  DateTime,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Metric,
  type MetricState,
  Option,
  Redacted,
  Ref,
  Stream,
  TestClock,
  type Tracer
} from "effect"
import * as AppTicket from "../src/AppTicket.js"
import * as Claims from "../src/Claims.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuMetrics from "../src/FeishuMetrics.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as TicketStore from "../src/TicketStore.js"
import * as Scripted from "./scripted.js"
import { recorder } from "./spans.js"

const minutes = (n: number) => n * 60_000

/** How often the platform was asked for a ticket. */
const resends = Effect.flatMap(
  Emulator.Emulator,
  ({ journal }) => Effect.map(journal, (entries) => entries.filter(Journal.$is("Call")).length)
)

const pushTicket = Effect.flatMap(Emulator.Emulator, ({ pushTicket }) => pushTicket("cli_test"))

const setPushFaults = (...faults: ReadonlyArray<Fault.PushFault>) =>
  Effect.flatMap(Emulator.Emulator, ({ setPushFaults }) => setPushFaults(faults))

const putTicket = (value: string, sentAt: number) =>
  Effect.flatMap(
    TicketStore.TicketStore,
    (store) => store.put("cli_test", { value: Redacted.make(value), sentAt: DateTime.unsafeMake(sentAt) })
  )

const valueOf = (ticket: TicketStore.Ticket) => Redacted.value(ticket.value)

const isWaiting = (fiber: Fiber.RuntimeFiber<unknown, unknown>) => Effect.map(Fiber.poll(fiber), Option.isNone)

/** A program in which the platform's push follows a resend after so long, and nothing is logged. */
const loop = (options?: EmulatorTest.TicketOptions) =>
  EmulatorTest.layerTicket({ pushDelay: "1 second", ...options }).pipe(
    Layer.provideMerge(Logger.minimumLogLevel(LogLevel.None))
  )

/** Without a webhook: tickets come only by `putTicket`, and the platform plays this script. */
const scripted = (...steps: ReadonlyArray<Scripted.Step>) => {
  const script = Scripted.make(...steps)
  return {
    script,
    layer: (options?: AppTicket.Options, store: Layer.Layer<TicketStore.TicketStore> = TicketStore.layerMemory) =>
      AppTicket.layer(options).pipe(
        Layer.provideMerge(Layer.mergeAll(Scripted.app, script.layer, Claims.layerMemory, store)),
        Layer.provideMerge(Logger.minimumLogLevel(LogLevel.None))
      )
  }
}

describe("get", () => {
  it.live("on a cold start asks for a ticket once, whoever asks", () =>
    Effect.gen(function*() {
      const tickets = yield* Effect.all(Effect.replicate(AppTicket.get, 10_000), { concurrency: "unbounded" })
      assert.strictEqual(tickets.length, 10_000)
      assert.strictEqual(new Set(tickets.map(valueOf)).size, 1)
      assert.strictEqual(yield* resends, 1)
    }).pipe(Effect.provide(loop({ pushDelay: "100 millis" }))))

  it.effect("waits for a push 119 s later, with one resend", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(Effect.all([AppTicket.get, AppTicket.get], { concurrency: "unbounded" }))
      yield* TestClock.adjust("118 seconds")
      assert.isTrue(yield* isWaiting(fiber))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* resends, 1)
    }).pipe(Effect.provide(loop({ pushDelay: "119 seconds" }))))

  it.effect("hands out a fresh ticket at once, without the store and without a call", () =>
    Effect.gen(function*() {
      const reads = yield* Ref.make(0)
      const Store = Layer.effect(
        TicketStore.TicketStore,
        Effect.map(TicketStore.makeMemory(), (memory) => ({
          ...memory,
          get: (appId: string) => Effect.zipRight(Ref.update(reads, (n) => n + 1), memory.get(appId))
        }))
      )
      const { layer, script } = scripted()
      yield* Effect.gen(function*() {
        yield* putTicket("t-1", 0)
        for (let i = 0; i < 10; i++) assert.strictEqual(valueOf(yield* AppTicket.get), "t-1")
        yield* TestClock.adjust(minutes(75) - 1)
        assert.strictEqual(valueOf(yield* AppTicket.get), "t-1")
        assert.strictEqual(yield* Ref.get(reads), 1)
        assert.strictEqual(script.seen.length, 0)
      }).pipe(Effect.provide(layer({}, Store)))
    }))

  it.effect("takes the ticket that another process has received", () => {
    const { layer, script } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(AppTicket.get)
      yield* TestClock.adjust("30 seconds")
      yield* putTicket("of another", 30_000)
      assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "of another")
      assert.strictEqual(script.seen.length, 1)
    }).pipe(Effect.provide(layer()))
  })

  it.effect("hands out an older ticket at once while one resend brings a new one", () => {
    const { layer, script } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      yield* putTicket("old", 0)
      yield* TestClock.adjust("75 minutes")
      const tickets = yield* Effect.all(Effect.replicate(AppTicket.get, 100), { concurrency: "unbounded" })
      assert.deepStrictEqual(new Set(tickets.map(valueOf)), new Set(["old"]))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(script.seen.length, 1)
      yield* putTicket("new", minutes(75))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(valueOf(yield* AppTicket.get), "new")
      yield* TestClock.adjust("70 minutes")
      assert.strictEqual(script.seen.length, 1)
    }).pipe(Effect.provide(layer()))
  })

  it.effect("hands out an older ticket until 5 minutes before its end, though no resend succeeds", () => {
    const { layer, script } = scripted(Scripted.refused(10014))
    return Effect.gen(function*() {
      yield* putTicket("old", 0)
      yield* TestClock.adjust(minutes(80))
      let asked = 0
      for (let minute = 80; minute < 175; minute += 5) {
        assert.strictEqual(valueOf(yield* AppTicket.get), "old")
        assert.isAtMost(script.seen.length - asked, 1)
        asked = script.seen.length
        yield* TestClock.adjust("5 minutes")
      }
      assert.strictEqual(script.seen.length, 19, "it tries again each time")
      const error = yield* Effect.flip(AppTicket.get)
      assert.deepInclude(error, { _tag: "FeishuApiError", code: 10014 })
    }).pipe(Effect.provide(layer()))
  })

  it.effect("waits where the ticket has expired", () => {
    const { layer } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      yield* putTicket("expired", 0)
      yield* TestClock.adjust("175 minutes")
      const fiber = yield* Effect.fork(AppTicket.get)
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* isWaiting(fiber))
      yield* putTicket("new", minutes(175))
      assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "new")
    }).pipe(Effect.provide(layer()))
  })

  it.effect("fails after 150 s with what to check, having asked again when the first push was overdue", () => {
    const { layer, script } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(Effect.flip(AppTicket.get))
      yield* TestClock.adjust(149_999)
      assert.isTrue(yield* isWaiting(fiber))
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(fiber)
      assert.instanceOf(error, AppTicket.TicketTimeout)
      assert.match(
        error.message,
        /^No app ticket for cli_test came within 2m 30s\..* published version .* request URL .* firewall/
      )
      assert.deepStrictEqual(script.seen.map(({ at }) => at), [0, 120_000])
    }).pipe(Effect.provide(layer()))
  })

  it.effect("says so where it was not allowed to ask", () => {
    const { layer, script } = scripted(Scripted.rateLimited(3600))
    return Effect.gen(function*() {
      yield* Effect.flip(AppTicket.get)
      const fiber = yield* Effect.fork(Effect.flip(AppTicket.get))
      yield* TestClock.adjust("150 seconds")
      const error = yield* Fiber.join(fiber)
      assert.include(error.message, "The platform was not asked")
      assert.include(error.message, "the next resend can follow in 57m 30s")
      assert.strictEqual(script.seen.length, 1)
    }).pipe(Effect.provide(layer()))
  })

  it.effect("hands out no ticket for longer than it lives, whatever the options", () => {
    const { layer } = scripted(Scripted.refused(10014))
    return Effect.gen(function*() {
      yield* putTicket("old", 0)
      yield* AppTicket.get
      yield* TestClock.adjust("176 minutes")
      assert.strictEqual((yield* Effect.flip(AppTicket.get))._tag, "FeishuApiError")
    }).pipe(Effect.provide(layer({ freshFor: "1 day" })))
  })

  it.effect("hands out an older ticket from memory at once where the store does not answer", () =>
    Effect.gen(function*() {
      const hangs = yield* Ref.make(false)
      const Store = Layer.effect(
        TicketStore.TicketStore,
        Effect.map(TicketStore.makeMemory(), (memory) => ({
          ...memory,
          get: (appId: string) => Effect.flatMap(Ref.get(hangs), (hangs) => hangs ? Effect.never : memory.get(appId))
        }))
      )
      const { layer } = scripted(Scripted.ok)
      yield* Effect.gen(function*() {
        yield* putTicket("old", 0)
        yield* AppTicket.get
        yield* TestClock.adjust("80 minutes")
        yield* Ref.set(hangs, true)
        const fiber = yield* Effect.fork(AppTicket.get)
        yield* TestClock.adjust("100 millis")
        assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "old")
      }).pipe(Effect.provide(layer({}, Store)))
    }))

  it.effect("waits as long as it is told to", () => {
    const { layer } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(Effect.flip(AppTicket.get))
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(yield* Fiber.join(fiber), { waited: Duration.seconds(5) })
    }).pipe(Effect.provide(layer({ waitFor: "5 seconds" })))
  })

  it.effect("outlives a lost push", () =>
    Effect.gen(function*() {
      yield* setPushFaults(Fault.Lost())
      const fiber = yield* Effect.fork(AppTicket.get)
      yield* TestClock.adjust("121 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* resends, 2)
    }).pipe(Effect.provide(loop())))

  it.effect("counts whoever waits, and none after", () => {
    const waiting = Effect.map(
      Metric.value(Metric.tagged(FeishuMetrics.ticketWaiters, "app_id", "cli_test")),
      (state: MetricState.MetricState.Gauge<number>) => state.value
    )
    const { layer } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(
        Effect.all([AppTicket.get, AppTicket.get, AppTicket.refresh], { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* waiting, 3)
      yield* putTicket("t-1", 1000)
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* waiting, 0)
      const gone = yield* Effect.fork(AppTicket.refresh)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* waiting, 1)
      yield* Fiber.interrupt(gone)
      assert.strictEqual(yield* waiting, 0)
    }).pipe(Effect.provide(layer()))
  })
})

describe("ten services that share a store", () => {
  it.effect("and start together ask once, and all have the ticket that reaches one of them", () => {
    const { layer, script } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      const services = yield* Effect.replicateEffect(AppTicket.make(), 10)
      const fiber = yield* Effect.fork(
        Effect.forEach(services, ({ get }) => get, { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("110 seconds")
      assert.isTrue(yield* isWaiting(fiber))
      yield* putTicket("t-1", 110_000)
      assert.deepStrictEqual((yield* Fiber.join(fiber)).map(valueOf), Array.from({ length: 10 }, () => "t-1"))
      assert.strictEqual(script.seen.length, 1)
    }).pipe(Effect.scoped, Effect.provide(layer()))
  })
})

describe("interruption", () => {
  it.effect.each([0, 1, 49, 99])("of caller %i of 100 harms no other", (index) =>
    Effect.gen(function*() {
      const fibers = yield* Effect.replicateEffect(Effect.fork(AppTicket.get), 100)
      const gone = fibers[index] ?? assert.fail()
      yield* TestClock.adjust("100 millis")
      yield* Fiber.interrupt(gone)
      yield* TestClock.adjust("2 seconds")
      const tickets = yield* Effect.forEach(fibers.filter((fiber) => fiber !== gone), Fiber.join)
      assert.strictEqual(new Set(tickets.map(valueOf)).size, 1)
      assert.strictEqual(yield* resends, 1)
    }).pipe(Effect.provide(loop())))

  it.effect("of all callers does not end the resend, and the next caller needs no other", () => {
    const { layer, script } = scripted(Scripted.after("5 seconds", Scripted.ok))
    return Effect.gen(function*() {
      const fibers = yield* Effect.replicateEffect(Effect.fork(AppTicket.get), 10)
      yield* TestClock.adjust("1 second")
      yield* Fiber.interruptAll(fibers)
      const fiber = yield* Effect.fork(AppTicket.get)
      yield* TestClock.adjust("5 seconds")
      yield* putTicket("t-1", 6000)
      assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "t-1")
      assert.strictEqual(script.seen.length, 1)
    }).pipe(Effect.provide(layer()))
  })

  it.effect("in any order, at any time, leaves the rest with their ticket", () =>
    Effect.gen(function*() {
      for (let round = 0; round < 20; round++) {
        const fibers = yield* Effect.replicateEffect(Effect.fork(AppTicket.refresh), 20)
        for (const [index, fiber] of fibers.entries()) {
          if ((index * 7 + round) % 3 === 0) yield* Fiber.interrupt(fiber)
          if (index % 5 === 0) yield* TestClock.adjust("100 millis")
        }
        yield* TestClock.adjust("70 seconds")
        const exits = yield* Effect.forEach(fibers, Fiber.await)
        for (const exit of exits) assert.isTrue(Exit.isSuccess(exit) || Exit.isInterrupted(exit))
      }
      assert.isAtMost(yield* resends, 20)
    }).pipe(Effect.provide(loop())))
})

describe("a resend that fails", () => {
  it.effect("fails all who wait, with the error, and no one after", () => {
    const { layer, script } = scripted(Scripted.refused(10014), Scripted.ok)
    return Effect.gen(function*() {
      const errors = yield* Effect.all(Effect.replicate(Effect.flip(AppTicket.get), 1000), {
        concurrency: "unbounded"
      })
      assert.isTrue(errors.every((error) => error._tag === "FeishuApiError" && error.code === 10014))
      assert.strictEqual(script.seen.length, 1)
      const later = yield* Effect.fork(AppTicket.get)
      yield* TestClock.adjust(59_999)
      assert.strictEqual(script.seen.length, 1, "the cool-down")
      yield* TestClock.adjust(1)
      assert.strictEqual(script.seen.length, 2)
      yield* putTicket("t-1", 60_000)
      assert.strictEqual(valueOf(yield* Fiber.join(later)), "t-1")
    }).pipe(Effect.provide(layer()))
  })

  const later: ReadonlyArray<[what: string, step: Scripted.Step, line: string]> = [
    [
      "refused",
      Scripted.refused(10014),
      "the platform refused lately, and is asked again in 50s unless a ticket comes"
    ],
    [
      "could not be reached",
      Scripted.dropped,
      "the platform could not be reached lately, and is asked again in 50s unless a ticket comes"
    ]
  ]

  it.effect.each(later)("lets the log say that the platform %s, and promise no push", ([_, step, line]) => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    const { script } = scripted(step)
    return Effect.gen(function*() {
      yield* Effect.flip(AppTicket.get)
      yield* TestClock.adjust("10 seconds")
      const fiber = yield* Effect.fork(AppTicket.get)
      yield* TestClock.adjust("1 second")
      assert.include(lines, line)
      assert.notInclude(lines.join("\n"), "push")
      yield* Fiber.interrupt(fiber)
    }).pipe(
      Effect.provide(
        AppTicket.layer().pipe(
          Layer.provideMerge(Layer.mergeAll(Scripted.app, script.layer, TicketStore.layerMemory)),
          Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger)),
          Layer.provide(Layer.succeed(RetryPolicy.RetryPolicy, RetryPolicy.none))
        )
      )
    )
  })

  it.effect("is tried again under the layer's retry policy, whatever the caller's", () => {
    const { layer, script } = scripted(Scripted.dropped)
    return Effect.gen(function*() {
      const error = yield* Effect.flip(
        Effect.provideService(AppTicket.get, RetryPolicy.RetryPolicy, RetryPolicy.make())
      )
      assert.strictEqual(error._tag, "FeishuNetworkError")
      assert.strictEqual(script.seen.length, 1)
    }).pipe(Effect.provide(
      layer().pipe(Layer.provide(Layer.succeed(RetryPolicy.RetryPolicy, RetryPolicy.none)))
    ))
  })

  it.effect("is not followed by another before the platform allows it", () => {
    const { layer, script } = scripted(Scripted.rateLimited(600), Scripted.ok)
    return Effect.gen(function*() {
      const error = yield* Effect.flip(AppTicket.get)
      assert.deepInclude(error, { _tag: "FeishuApiError", kind: "RateLimited" })
      const patient = yield* Effect.fork(AppTicket.get)
      yield* TestClock.adjust(599_999)
      assert.strictEqual(script.seen.length, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(script.seen.length, 2)
      yield* putTicket("t-1", 600_000)
      yield* Fiber.join(patient)
    }).pipe(Effect.provide(layer({ waitFor: "1 hour" })))
  })

  it.effect("costs a failing platform one call a minute, whatever the number of callers", () => {
    const { layer, script } = scripted(Scripted.refused(10014))
    return Effect.gen(function*() {
      const callers = yield* Effect.replicateEffect(
        Effect.fork(Effect.forever(Effect.ignore(AppTicket.get))),
        10
      )
      for (let i = 0; i < 10; i++) yield* TestClock.adjust("1 minute")
      yield* Fiber.interruptAll(callers)
      assert.deepStrictEqual(script.seen.map(({ at }) => at), Array.from({ length: 11 }, (_, i) => minutes(i)))
    }).pipe(Effect.provide(layer()))
  })

  it.effect("is counted by its outcome", () => {
    const count = (outcome: string) =>
      Effect.map(
        Metric.value(
          FeishuMetrics.ticketResends.pipe(Metric.tagged("app_id", "cli_test"), Metric.tagged("outcome", outcome))
        ),
        (state: MetricState.MetricState.Counter<number>) => state.count
      )
    const counts = Effect.all([count("success"), count("NotStoreApp"), count("Unavailable")])
    const { layer } = scripted(Scripted.refused(10016), Scripted.answer("", { status: 502 }), Scripted.ok)
    return Effect.gen(function*() {
      const before = yield* counts
      yield* Effect.flip(AppTicket.get)
      yield* Effect.fork(Effect.flip(AppTicket.get))
      yield* TestClock.adjust("1 minute")
      yield* Effect.fork(Effect.flip(AppTicket.get))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* counts).map((count, index) => count - (before[index] ?? 0)), [1, 1, 1])
    }).pipe(Effect.provide(
      layer().pipe(Layer.provide(Layer.succeed(RetryPolicy.RetryPolicy, RetryPolicy.none)))
    ))
  })
})

describe("a store that fails", () => {
  const failing = (broken: Ref.Ref<boolean>) =>
    Layer.effect(
      TicketStore.TicketStore,
      Effect.map(TicketStore.makeMemory(), (memory): TicketStore.Service => {
        const check = <A>(
          operation: "get",
          effect: Effect.Effect<A, TicketStore.TicketStoreError>
        ) =>
          Effect.flatMap(Ref.get(broken), (broken) =>
            broken
              ? new TicketStore.TicketStoreError({ appId: "cli_test", operation, description: "it is down" })
              : effect)
        return {
          ...memory,
          get: (appId) => check("get", memory.get(appId)),
          changes: (appId) =>
            Stream.unwrap(check("get", Effect.succeed(memory.changes(appId)))).pipe(
              Stream.mapEffect((ticket) => check("get", Effect.succeed(ticket)))
            )
        }
      })
    )

  it.effect("fails the caller on a cold start, and serves the next one when it works again", () =>
    Effect.gen(function*() {
      const broken = yield* Ref.make(true)
      const { layer, script } = scripted(Scripted.ok)
      yield* Effect.gen(function*() {
        const error = yield* Effect.flip(AppTicket.get)
        assert.deepInclude(error, { _tag: "TicketStoreError", operation: "get" })
        assert.strictEqual(script.seen.length, 0)
        yield* Ref.set(broken, false)
        const fiber = yield* Effect.fork(AppTicket.get)
        yield* TestClock.adjust("1 second")
        yield* putTicket("t-1", 1000)
        yield* Fiber.join(fiber)
      }).pipe(Effect.provide(layer({}, failing(broken))))
    }))

  it.effect("does not keep an older ticket in memory from being handed out", () =>
    Effect.gen(function*() {
      const broken = yield* Ref.make(false)
      const { layer } = scripted(Scripted.ok)
      yield* Effect.gen(function*() {
        yield* putTicket("old", 0)
        yield* AppTicket.get
        yield* TestClock.adjust("2 hours")
        yield* Ref.set(broken, true)
        assert.strictEqual(valueOf(yield* AppTicket.get), "old")
        yield* TestClock.adjust("55 minutes")
        assert.strictEqual((yield* Effect.flip(AppTicket.get))._tag, "TicketStoreError")
      }).pipe(Effect.provide(layer({}, failing(broken))))
    }))

  it.effect("while somebody waits costs only time", () =>
    Effect.gen(function*() {
      const broken = yield* Ref.make(false)
      const { layer } = scripted(Scripted.ok)
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.fork(AppTicket.get)
        yield* TestClock.adjust("10 seconds")
        yield* Ref.set(broken, true)
        yield* putTicket("t-1", 10_000)
        yield* TestClock.adjust("10 seconds")
        assert.isTrue(yield* isWaiting(fiber))
        yield* Ref.set(broken, false)
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "t-1")
      }).pipe(Effect.provide(layer({}, failing(broken))))
    }))
})

describe("refresh", () => {
  it.effect("waits for a newer ticket, with one resend for all", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("10 minutes")
      yield* pushTicket
      yield* TestClock.adjust("1 second")
      const before = yield* AppTicket.get
      const fiber = yield* Effect.fork(
        Effect.all(Effect.replicate(AppTicket.refresh, 100), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("2 seconds")
      const tickets = yield* Fiber.join(fiber)
      assert.strictEqual(new Set(tickets.map(valueOf)).size, 1)
      assert.isTrue(DateTime.greaterThan((tickets[0] ?? assert.fail()).sentAt, before.sentAt))
      assert.strictEqual(yield* resends, 1)
      assert.strictEqual(valueOf(yield* AppTicket.get), tickets[0] && valueOf(tickets[0]))
    }).pipe(Effect.provide(loop())))

  it.effect("again within the cool-down waits for its end", () =>
    Effect.gen(function*() {
      const first = yield* Effect.fork(AppTicket.refresh)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      const second = yield* Effect.fork(AppTicket.refresh)
      yield* TestClock.adjust("58 seconds")
      assert.strictEqual(yield* resends, 1)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* resends, 2)
      yield* Fiber.join(second)
    }).pipe(Effect.provide(loop())))

  it.effect("does not keep others from the ticket that there is", () => {
    const { layer } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      yield* putTicket("t-1", 0)
      const fiber = yield* Effect.fork(AppTicket.refresh)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(valueOf(yield* AppTicket.get), "t-1")
      assert.isTrue(yield* isWaiting(fiber))
      yield* putTicket("t-2", 1000)
      assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "t-2")
    }).pipe(Effect.provide(layer()))
  })

  it.effect("that begins while another waits is content with the same push", () => {
    const { layer, script } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      yield* putTicket("t-1", 0)
      const first = yield* Effect.fork(AppTicket.refresh)
      yield* TestClock.adjust("50 seconds")
      const second = yield* Effect.fork(AppTicket.refresh)
      yield* TestClock.adjust("50 seconds")
      yield* putTicket("t-2", 100_000)
      assert.strictEqual(valueOf(yield* Fiber.join(first)), "t-2")
      assert.strictEqual(valueOf(yield* Fiber.join(second)), "t-2")
      assert.strictEqual(script.seen.length, 1)
    }).pipe(Effect.provide(layer()))
  })
})

describe("invalidate", () => {
  it.effect("makes the next get wait for another ticket, even if the same is pushed again", () => {
    const { layer, script } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      yield* putTicket("bad", 0)
      yield* AppTicket.invalidate(yield* AppTicket.get)
      const fiber = yield* Effect.fork(AppTicket.get)
      yield* TestClock.adjust("1 second")
      yield* putTicket("bad", 0)
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* isWaiting(fiber))
      yield* putTicket("good", 2000)
      assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "good")
      assert.strictEqual(script.seen.length, 1)
    }).pipe(Effect.provide(layer()))
  })

  it.effect("of one ticket after another holds for each", () => {
    const { layer } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      yield* putTicket("older", 0)
      const older = yield* AppTicket.get
      yield* TestClock.adjust("80 minutes")
      yield* putTicket("newer", minutes(80))
      yield* AppTicket.invalidate(yield* AppTicket.get)
      yield* AppTicket.invalidate(older)
      const fiber = yield* Effect.fork(AppTicket.get)
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* isWaiting(fiber))
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(layer()))
  })

  it.effect("leaves a newer ticket alone", () => {
    const { layer, script } = scripted()
    return Effect.gen(function*() {
      yield* putTicket("bad", 0)
      const bad = yield* AppTicket.get
      yield* TestClock.adjust("80 minutes")
      yield* putTicket("good", minutes(80))
      yield* AppTicket.get
      yield* AppTicket.invalidate(bad)
      assert.strictEqual(valueOf(yield* AppTicket.get), "good")
      assert.strictEqual(script.seen.length, 0)
    }).pipe(Effect.provide(layer()))
  })

  it.effect("holds in this process even where the store cannot be told", () => {
    const Store = Layer.effect(
      TicketStore.TicketStore,
      Effect.map(TicketStore.makeMemory(), (memory) => ({
        ...memory,
        drop: (appId: string) =>
          new TicketStore.TicketStoreError({ appId, operation: "drop", description: "it is down" })
      }))
    )
    const { layer } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      yield* putTicket("bad", 0)
      yield* AppTicket.invalidate(yield* AppTicket.get)
      const fiber = yield* Effect.fork(AppTicket.get)
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* isWaiting(fiber))
      yield* putTicket("good", 1000)
      assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "good")
    }).pipe(Effect.provide(layer({}, Store)))
  })
})

describe("changes", () => {
  it.effect("has the newest ticket and each that arrives", () => {
    const { layer } = scripted()
    return Effect.gen(function*() {
      yield* putTicket("t-1", 1)
      // The next ones come once the first has been seen: only then are they sure to be seen one by one.
      const rest = Effect.all([putTicket("t-2", 2), putTicket("older", 1), putTicket("t-3", 3)])
      const tickets = yield* AppTicket.changes.pipe(
        Stream.tap((ticket) => valueOf(ticket) === "t-1" ? rest : Effect.void),
        Stream.take(3),
        Stream.runCollect
      )
      assert.deepStrictEqual(Chunk.toReadonlyArray(tickets).map(valueOf), ["t-1", "t-2", "t-3"])
    }).pipe(Effect.provide(layer()))
  })
})

describe("layer", () => {
  it.effect("does nothing until it is asked", () => {
    const { layer, script } = scripted()
    return Effect.gen(function*() {
      yield* TestClock.adjust("1 day")
      assert.strictEqual(script.seen.length, 0)
    }).pipe(Effect.provide(layer()))
  })

  it.effect("ends with its scope, and with it whoever waits", () =>
    Effect.gen(function*() {
      const { layer, script } = scripted(Scripted.hang)
      const fiber = yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkDaemon(AppTicket.get)
        yield* TestClock.adjust("1 second")
        return fiber
      }).pipe(Effect.provide(layer()))
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(script.seen.length, 1)
    }))

  it.effect("lets nobody wait who comes after its end", () =>
    Effect.gen(function*() {
      const { layer } = scripted(Scripted.ok)
      const { get } = yield* Effect.provide(AppTicket.AppTicket, layer())
      assert.isTrue(Exit.isInterrupted(yield* Effect.exit(get)))
    }))

  it.effect("tells in the log of a store that fails in the background", () => {
    const lines: Array<string> = []
    const logger = Logger.map(Logger.stringLogger, (line) => void lines.push(line))
    const { script } = scripted(Scripted.ok)
    const Down = Layer.effect(
      Claims.Claims,
      Effect.map(Claims.makeMemory(), (memory) => ({
        ...memory,
        claim: (appId: string) => new Claims.ClaimsError({ appId, operation: "claim", description: "it is down" })
      }))
    )
    return Effect.gen(function*() {
      yield* putTicket("old", 0)
      yield* TestClock.adjust("2 hours")
      for (let n = 0; n < 5; n++) {
        yield* AppTicket.get
        yield* TestClock.adjust("1 second")
      }
      const told = lines.filter((line) => line.includes("it is down"))
      assert.strictEqual(told.length, 1, "once, however often it fails")
      assert.include(told[0], "Claims.claim for cli_test")
      assert.strictEqual(script.seen.length, 1, "the resend is sent without a claim")
    }).pipe(Effect.provide(
      AppTicket.layer().pipe(
        Layer.provideMerge(Layer.mergeAll(Scripted.app, script.layer, TicketStore.layerMemory, Down)),
        Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger))
      )
    ))
  })

  it.effect("refuses a self-built app, and says why", () =>
    Effect.gen(function*() {
      const error = yield* AppTicket.make().pipe(
        Effect.provide([
          FeishuApp.layer({ appId: "cli_test", appSecret: Redacted.make("s"), kind: "self-built" }),
          TicketStore.layerMemory,
          Scripted.make().layer
        ]),
        Effect.flip
      )
      assert.include(error.message, "self-built: such an app needs no app ticket")
    }).pipe(Effect.scoped))

  it.effect("tells in the log what it waits for, without a secret", () => {
    const lines: Array<string> = []
    const logger = Logger.map(Logger.stringLogger, (line) => void lines.push(line))
    const { script } = scripted(Scripted.ok)
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(AppTicket.get)
      yield* TestClock.adjust("40 seconds")
      yield* putTicket("a secret ticket", 40_000)
      yield* Fiber.join(fiber)
      const messages = lines.filter((line) => line.includes("level=INFO"))
        .map((line) => /message="?(.*?)"? app_id=cli_test/.exec(line)?.[1])
      assert.deepStrictEqual(messages, [
        "asking the platform for an app ticket",
        "the platform will push an app ticket, which may take 2 minutes",
        "still waiting for an app ticket, for 15s so far",
        "still waiting for an app ticket, for 30s so far",
        "an app ticket has come"
      ])
      assert.notInclude(lines.join("\n"), "a secret ticket")
      assert.notInclude(lines.join("\n"), Redacted.value(Scripted.appSecret))
    }).pipe(Effect.provide(
      AppTicket.layer().pipe(
        Layer.provideMerge(Layer.mergeAll(Scripted.app, script.layer, TicketStore.layerMemory)),
        Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger))
      )
    ))
  })

  it.effect("tells in the log of a renewal in the background that fails", () => {
    const lines: Array<string> = []
    const logger = Logger.map(Logger.stringLogger, (line) => void lines.push(line))
    const { script } = scripted(Scripted.refused(10014), Scripted.ok)
    return Effect.gen(function*() {
      yield* putTicket("old", 0)
      yield* TestClock.adjust("2 hours")
      yield* AppTicket.get
      yield* TestClock.adjust("1 second")
      assert.isTrue(lines.some((line) => line.includes("level=ERROR") && line.includes("code 10014")))
      yield* TestClock.adjust("1 minute")
      yield* AppTicket.get
      yield* TestClock.adjust("3 minutes")
      assert.isTrue(lines.some((line) => line.includes("level=WARN") && line.includes("No app ticket for cli_test")))
    }).pipe(Effect.provide(
      AppTicket.layer().pipe(
        Layer.provideMerge(Layer.mergeAll(Scripted.app, script.layer, TicketStore.layerMemory)),
        Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger))
      )
    ))
  })

  it.effect("shows the ticket's age, and when the ticket was sent", () => {
    const valueOf = (gauge: Metric.Metric.Gauge<number>) =>
      Effect.map(
        Metric.value(Metric.tagged(gauge, "app_id", "cli_test")),
        (state: MetricState.MetricState.Gauge<number>) => state.value
      )
    const age = valueOf(FeishuMetrics.ticketAge)
    const sent = valueOf(FeishuMetrics.ticketSent)
    const { layer } = scripted()
    return Effect.gen(function*() {
      yield* putTicket("t-1", 0)
      yield* TestClock.adjust("10 seconds")
      yield* AppTicket.get
      assert.strictEqual(yield* age, 10)
      yield* TestClock.adjust("10 seconds")
      yield* AppTicket.get
      assert.strictEqual(yield* age, 20)
      assert.strictEqual(yield* sent, 0)

      yield* putTicket("t-2", minutes(60))
      yield* TestClock.adjust("80 minutes")
      assert.strictEqual(yield* sent, 0, "before anybody looks at the store")
      yield* AppTicket.get
      assert.strictEqual(yield* sent, 3600)
      // A ticket that comes late is no newer one.
      yield* putTicket("t-0", minutes(30))
      yield* AppTicket.get
      assert.strictEqual(yield* sent, 3600)
      assert.strictEqual(yield* age, 20 * 60 + 20)
    }).pipe(Effect.provide(layer()))
  })
})

describe("the spans", () => {
  it.effect("of a resend belong to no request, and lead to each request that waits, and back", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      const { layer } = scripted(Scripted.after("5 seconds", Scripted.ok))
      const all = (name: string) => spans.filter((span) => span.name === name)
      const idsOf = (spans: ReadonlyArray<Tracer.AnySpan>) => spans.map(({ spanId }) => spanId)
      const parentOf = (span: Tracer.Span | undefined) =>
        span === undefined ? assert.fail("no such span") : Option.getOrUndefined(span.parent)?.spanId
      const linksOf = (span: Tracer.Span | undefined) => (span?.links ?? []).map((link) => link.span.spanId)
      yield* Effect.gen(function*() {
        const context = yield* Effect.withSpan(Layer.build(layer()), "the build of the layer")
        const request = (n: number) =>
          Effect.fork(Effect.withSpan(Effect.provide(AppTicket.get, context), `request ${n}`))
        const fibers = yield* Effect.forEach([1, 2], request)
        yield* TestClock.adjust("1 second")
        fibers.push(yield* request(3))
        yield* TestClock.adjust("1 minute")
        yield* Effect.provide(putTicket("t-1", minutes(1)), context)
        yield* Effect.forEach(fibers, Fiber.join)
        const waits = all("AppTicket.get")
        assert.deepStrictEqual(waits.map(parentOf), [1, 2, 3].flatMap((n) => idsOf(all(`request ${n}`))))
        const [fetch, ...others] = all("AppTicket.fetch")
        assert.strictEqual(others.length, 0)
        assert.isUndefined(parentOf(fetch))
        assert.sameMembers(linksOf(fetch), idsOf(waits))
        for (const wait of waits) assert.include(linksOf(wait), fetch?.spanId)
        const [look, ...looks] = all("AppTicket.look")
        assert.strictEqual(looks.length, 0)
        assert.isUndefined(parentOf(look))
        assert.sameMembers(linksOf(look), idsOf(waits.slice(0, 2)))
        const [resend] = all("AppTicket.resend")
        assert.strictEqual(parentOf(resend), fetch?.spanId)
        assert.strictEqual(parentOf(all("OpenApi.appTicketResend")[0]), resend?.spanId)
        for (const span of [fetch, resend]) assert.strictEqual(span?.attributes.get("feishu.app_id"), "cli_test")
        const build = idsOf(all("the build of the layer"))
        assert.strictEqual(build.length, 1)
        assert.deepStrictEqual(spans.filter((span) => build.includes(parentOf(span) ?? "")).map(({ name }) => name), [])
      }).pipe(Effect.scoped, Effect.withTracer(tracer))
    }))
})

describe("a clock that is set", () => {
  it.effect("back by a day does not hold the next resend back for a day", () => {
    // What a machine's clock does when it is corrected: the time of day jumps, and no time passes.
    let offset = 0
    const { layer, script } = scripted(Scripted.refused(10014))
    return Effect.gen(function*() {
      const clock = yield* Clock.clockWith(Effect.succeed)
      const jumping: Clock.Clock = {
        ...clock,
        [Clock.ClockTypeId]: Clock.ClockTypeId,
        sleep: (duration) => clock.sleep(duration),
        currentTimeNanos: clock.currentTimeNanos,
        unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
        unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + offset,
        currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + offset)
      }
      const fiber = yield* Effect.gen(function*() {
        yield* Effect.flip(AppTicket.get)
        offset = -Duration.toMillis("1 day")
        yield* Effect.flip(AppTicket.get)
      }).pipe(Effect.provide(layer()), Effect.withClock(jumping), Effect.fork)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.strictEqual(script.seen.length, 2)
    })
  })
})
