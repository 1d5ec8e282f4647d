/**
 * The whole loop over real sockets: the emulator on one end, a web server with a file store on the other. Time is
 * simulated for both, and stands still while bytes travel.
 */
import { Emulator, Fault, Journal } from "@effect-feishu/emulator"
import { KeyValueStore } from "@effect/platform"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import {
  Context,
  DateTime,
  Duration,
  Effect,
  Fiber,
  Layer,
  Logger,
  Option,
  Redacted,
  Ref,
  TestClock,
  TestServices
} from "effect"
import * as Http from "node:http"
import type * as Net from "node:net"
import * as AppTicket from "../src/AppTicket.js"
import * as Claims from "../src/Claims.js"
import * as EventHandler from "../src/EventHandler.js"
import * as EventNodeListener from "../src/EventNodeListener.js"
import * as EventSubscription from "../src/EventSubscription.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuClient from "../src/FeishuClient.js"
import * as TicketStore from "../src/TicketStore.js"

const secrets = {
  appSecret: Redacted.make("the app secret"),
  encryptKey: Redacted.make("the encrypt key"),
  verificationToken: Redacted.make("the verification token")
}

const platform = (options?: Partial<Emulator.Options>) =>
  Emulator.layerServer({ apps: [{ appId: "cli_test", ...secrets }], ...options })

/** Real time, for what really travels. */
const eventually = <A, E, R>(check: Effect.Effect<A, E, R>, isDone: (value: A) => boolean): Effect.Effect<A, E, R> =>
  Effect.filterOrElse(
    check,
    isDone,
    () => Effect.zipRight(TestServices.provideLive(Effect.sleep("2 millis")), eventually(check, isDone))
  )

/** Whether the store refuses to be written. */
class Broken extends Context.Tag("Broken")<Broken, Ref.Ref<boolean>>() {}

/** What the library has logged. */
const messages: Array<string> = []

/** The ids of the events that the handler has seen. */
class Handled extends Context.Tag("Handled")<Handled, Array<string>>() {}

const Store = Layer.effect(
  TicketStore.TicketStore,
  Effect.gen(function*() {
    const broken = yield* Broken
    const store = yield* TicketStore.makeKeyValueStore({ timeout: "1 day" })
    return {
      ...store,
      put: (appId, ticket) =>
        Effect.flatMap(Ref.get(broken), (broken) =>
          broken
            ? new TicketStore.TicketStoreError({ appId, operation: "put", description: "the disk is full" })
            : store.put(appId, ticket))
    }
  })
)

const App = Layer.unwrapEffect(Effect.map(Emulator.Emulator, ({ baseUrl }) =>
  FeishuApp.layer({
    appId: "cli_test",
    baseUrl,
    ...secrets
  })))

/** The web server. Its URL is saved as in the developer console: with a handshake. */
const Server = Layer.scopedDiscard(Effect.gen(function*() {
  const listener = yield* EventNodeListener.make
  const server = Http.createServer((request, response) => void listener(request, response))
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const { setRequestUrl } = yield* Emulator.Emulator
  yield* setRequestUrl("cli_test", `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}/webhook`)
}))

const Handlers = Layer.unwrapEffect(Effect.map(Handled, (handled) =>
  EventSubscription.layer({
    handlers: [EventHandler.all((event) => Effect.sync(() => void handled.push(event.id)))]
  })))

/** One process of the service, as it starts and ends. Its store is in this folder. */
const service = (folder: string) =>
  Server.pipe(
    Layer.provideMerge(Layer.merge(AppTicket.layer(), Handlers)),
    Layer.provideMerge(
      Layer.mergeAll(App, FeishuClient.layerFetch, Claims.layerKeyValueStore({ timeout: "1 day" }), Store)
    ),
    Layer.provide(KeyValueStore.layerFileSystem(folder))
  )

const temporaryFolder = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

const Surroundings = Layer.mergeAll(
  Layer.effect(Broken, Ref.make(false)),
  Layer.sync(Handled, (): Array<string> => []),
  NodeContext.layer,
  Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void messages.push(String(message))))
)

const entries = <Tag extends Journal.Entry["_tag"]>(tag: Tag) =>
  Effect.flatMap(
    Emulator.Emulator,
    ({ journal }) => Effect.map(journal, (entries) => entries.filter(Journal.$is(tag)))
  )

const resends = Effect.map(entries("Call"), (calls) => calls.length)
const pushes = entries("Push")

/** Time passes, and what it sets off arrives: so many pushes have ended by then. */
const pass = (duration: Duration.DurationInput, ended: number) =>
  Effect.gen(function*() {
    const before = (yield* pushes).length
    yield* TestClock.adjust(duration)
    const all = yield* eventually(pushes, (all) => all.length >= before + ended)
    return all.slice(before)
  })

/** The resend that this causes has been answered and its cool-down kept: nothing is under way any longer. */
const asks = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    messages.length = 0
    const result = yield* effect
    yield* eventually(
      Effect.sync(() => messages.some((message) => message.includes("will push an app ticket"))),
      Boolean
    )
    return result
  })

/** Asks for a ticket, which comes this long after its resend. */
const coldStart = (delay: Duration.DurationInput) =>
  Effect.gen(function*() {
    const fiber = yield* asks(Effect.fork(AppTicket.get))
    yield* pass(delay, 1)
    return yield* Fiber.join(fiber)
  })

const stored = Effect.flatMap(
  TicketStore.TicketStore,
  (store) => Effect.map(store.get("cli_test"), Option.getOrUndefined)
)
const storedValue = Effect.map(stored, (ticket) => ticket && Redacted.value(ticket.value))

const setPushFaults = (...faults: ReadonlyArray<Fault.PushFault>) =>
  Effect.flatMap(Emulator.Emulator, ({ setPushFaults }) => setPushFaults(faults))

const inOneProcess = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(temporaryFolder, (folder) => Effect.provide(effect, service(folder)))

const scenario = <A, E, R>(effect: Effect.Effect<A, E, R>, options?: Partial<Emulator.Options>) =>
  inOneProcess(effect).pipe(Effect.scoped, Effect.provide(Layer.merge(platform(options), Surroundings)))

describe("over real sockets", () => {
  it.effect("a cold start, then hourly pushes for three days: one resend, and always a fresh ticket", () =>
    scenario(Effect.gen(function*() {
      yield* coldStart("200 millis")
      const seen = new Set<string>()
      for (let hour = 1; hour <= 72; hour++) {
        const [push] = yield* pass("1 hour", 1)
        assert.deepInclude(push, { eventType: "app_ticket", outcome: "acknowledged", attempt: 1 })
        const ticket = yield* AppTicket.get
        seen.add(Redacted.value(ticket.value))
        assert.isBelow(Duration.toMinutes(DateTime.distanceDuration(ticket.sentAt, yield* DateTime.now)), 75)
        assert.strictEqual((yield* entries("Handshake")).length, 1)
      }
      assert.isAbove(seen.size, 35)
      assert.strictEqual(yield* resends, 1)
    })))

  it.effect("a lost push: the old ticket serves on, and a resend in the background brings a new one", () =>
    scenario(Effect.gen(function*() {
      yield* coldStart("200 millis")
      const before = yield* storedValue
      yield* setPushFaults(Fault.Lost())
      assert.strictEqual((yield* pass("1 hour", 1))[0]?.outcome, "lost")
      yield* TestClock.adjust("20 minutes")
      assert.strictEqual(Redacted.value((yield* asks(AppTicket.get)).value), before)
      yield* pass("200 millis", 1)
      assert.notStrictEqual(yield* eventually(storedValue, (value) => value !== before), before)
      assert.strictEqual(yield* resends, 2)
    })))

  it.effect("a late push, 119 s after its resend", () =>
    scenario(
      Effect.gen(function*() {
        const ticket = yield* coldStart("119 seconds")
        assert.strictEqual(yield* storedValue, Redacted.value(ticket.value))
        assert.strictEqual(yield* resends, 1)
      }),
      { pushDelay: "119 seconds" }
    ))

  it.effect("a doubled push: the ticket is stored once, and an event is handled once", () =>
    scenario(Effect.gen(function*() {
      yield* setPushFaults(Fault.Doubled({ after: "5 minutes" }), Fault.Doubled({ after: "5 minutes" }))
      const { push } = yield* Emulator.Emulator
      yield* coldStart("200 millis")
      const before = yield* stored
      const id = yield* push("cli_test", { type: "contact.user.created_v3", payload: {} })
      yield* pass(0, 1)
      const again = yield* pass("5 minutes", 2)
      assert.deepStrictEqual(again.map(({ outcome }) => outcome), ["acknowledged", "acknowledged"])
      assert.deepStrictEqual(yield* stored, before)
      assert.deepStrictEqual(yield* Handled, [id])
    })))

  it.effect.each([true, false])(
    "a push of 7 h ago (signed anew: %s): accepted, and no newer ticket is lost",
    (anew) =>
      scenario(
        Effect.gen(function*() {
          const broken = yield* Broken
          const { pushTicket } = yield* Emulator.Emulator
          yield* coldStart("200 millis")
          yield* TestClock.adjust("30 minutes")
          yield* Ref.set(broken, true)
          yield* pushTicket("cli_test")
          yield* pass(0, 1)
          yield* pass("15 seconds", 1)
          yield* pass("5 minutes", 1)
          yield* Ref.set(broken, false)
          // The hourly push at 60 min, a newer ticket.
          yield* pass("1485 seconds", 1)
          const newer = yield* storedValue
          yield* Ref.set(broken, true)
          const [fourth] = yield* pass("2115 seconds", 1)
          assert.deepInclude(fourth, { attempt: 4, status: 503 })
          yield* Ref.set(broken, false)
          assert.strictEqual(yield* storedValue, newer)
          yield* pass("1485 seconds", 1)
          for (let hour = 3; hour <= 7; hour++) yield* pass("1 hour", 1)
          const newest = yield* storedValue
          const [last] = yield* pass("2115 seconds", 1)
          assert.deepInclude(last, { attempt: 5, outcome: "acknowledged", status: 200 })
          assert.strictEqual(yield* storedValue, newest)
        }),
        { signRetriesAnew: anew }
      )
  )

  it.effect("a forged push changes nothing", () =>
    scenario(Effect.gen(function*() {
      yield* coldStart("200 millis")
      yield* setPushFaults(Fault.Forged())
      const [forged, genuine] = yield* pass("1 hour", 2)
      assert.deepInclude(forged, { origin: "forged", outcome: "refused", status: 401 })
      assert.deepInclude(genuine, { origin: "platform", outcome: "acknowledged" })
      assert.notStrictEqual(yield* storedValue, "forged")
    })))

  it.effect("a replay runs nothing within the window, and is refused after it", () =>
    scenario(Effect.gen(function*() {
      yield* coldStart("200 millis")
      const { push } = yield* Emulator.Emulator
      yield* setPushFaults(Fault.Replayed({ after: "7 hours" }), Fault.Replayed({ after: "8 hours" }))
      const ids = [
        yield* push("cli_test", { type: "app_open", payload: {} }),
        yield* push("cli_test", { type: "app_open", payload: {} })
      ]
      yield* pass(0, 2)
      for (let hour = 1; hour <= 8; hour++) yield* pass("1 hour", hour < 7 ? 1 : 2)
      const replayed = (yield* pushes).filter(({ origin }) => origin === "replayed")
      assert.deepStrictEqual(replayed.map(({ status }) => status), [200, 401])
      assert.deepStrictEqual((yield* Handled).toSorted(), ids.toSorted())
    })))

  it.effect("a store that fails in between: the platform pushes again, and nothing is lost", () =>
    scenario(Effect.gen(function*() {
      const broken = yield* Broken
      yield* coldStart("200 millis")
      const before = yield* storedValue
      yield* Ref.set(broken, true)
      const [refused] = yield* pass("1 hour", 1)
      assert.deepInclude(refused, { outcome: "refused", status: 503 })
      assert.strictEqual(yield* storedValue, before)
      yield* Ref.set(broken, false)
      const [again] = yield* pass("15 seconds", 1)
      assert.deepInclude(again, { outcome: "acknowledged", attempt: 2, eventId: (refused ?? assert.fail()).eventId })
      assert.notStrictEqual(yield* storedValue, before)
      assert.strictEqual(yield* resends, 1)
    })))

  it.effect("a restart: the new process has the ticket of the old one at once, until it expires", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const restart = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, service(folder))
      const before = yield* restart(coldStart("200 millis"))
      yield* TestClock.adjust("10 minutes")
      const after = yield* restart(AppTicket.get)
      assert.strictEqual(Redacted.value(after.value), Redacted.value(before.value))
      assert.strictEqual(yield* resends, 1)
      // Out of order for three hours: what the platform pushes meanwhile it pushes in vain.
      yield* pass("3 hours", 3)
      const anew = yield* restart(coldStart("200 millis"))
      assert.notStrictEqual(Redacted.value(anew.value), Redacted.value(before.value))
      assert.strictEqual(yield* resends, 2)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(platform(), Surroundings))))
})
