import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Context, DateTime, Effect, Exit, Option, ParseResult, Redacted, Schema } from "effect"
import * as EventHandler from "../src/EventHandler.js"
import type { FeishuEvent } from "../src/FeishuEvent.js"
import * as FeishuEvents from "../src/FeishuEvents.js"
import { everything } from "./everything.js"

const event = (payload: Record<string, unknown>): FeishuEvent => ({
  id: "an id",
  type: "contact.user.created_v3",
  appId: "cli_a",
  tenantKey: Option.some("a tenant"),
  createdAt: DateTime.unsafeMake(0),
  payload,
  raw: { schema: "2.0", event: payload },
  text: Redacted.make(JSON.stringify({ schema: "2.0", event: payload }))
})

const User = Schema.Struct({ name: Schema.NonEmptyString, joined: Schema.DateFromString })

class Database extends Context.Tag("test/Database")<Database, { readonly name: string }>() {}
class Directory extends Context.Tag("test/Directory")<Directory, { readonly names: ReadonlyArray<string> }>() {}

/** It takes its field from a service. */
const KnownName = Schema.transformOrFail(Schema.String, Schema.String, {
  decode: (name, _, ast) =>
    Effect.flatMap(
      Directory,
      ({ names }) => names.includes(name) ? Effect.succeed(name) : ParseResult.fail(new ParseResult.Type(ast, name))
    ),
  encode: ParseResult.succeed
})

describe("EventHandler", () => {
  it.effect("without a schema gets the event as it is", () =>
    Effect.gen(function*() {
      const handler = EventHandler.on("contact.user.created_v3", Effect.succeed)
      assert.strictEqual(handler.type, "contact.user.created_v3")
      const sent = event({ name: 1 })
      assert.strictEqual(yield* handler.handle(sent), sent)
    }))

  it.effect("with a schema gets the payload decoded, and the rest as it is", () =>
    Effect.gen(function*() {
      const handler = EventHandler.on("contact.user.created_v3", User, Effect.succeed)
      assert.strictEqual(handler.type, "contact.user.created_v3")
      const sent = event({ name: "Li", joined: "2024-01-01T00:00:00.000Z", more: 1 })
      assert.deepStrictEqual(yield* handler.handle(sent), {
        ...sent,
        payload: { name: "Li", joined: DateTime.toDate(DateTime.unsafeMake("2024-01-01")) }
      })
    }))

  it.effect("is not called for a payload that does not fit, and the failure names every field", () =>
    Effect.gen(function*() {
      let calls = 0
      const handler = EventHandler.on("contact.user.created_v3", User, () => Effect.sync(() => calls++))
      for (const payload of [{ name: "", joined: 1 }, {}, { name: ["Li"] }]) {
        const error = yield* Effect.flip(handler.handle(event(payload)))
        assert.instanceOf(error, Error)
        assert.include(error.message, "the payload does not fit the schema: name")
        assert.include(error.message, "joined: ")
        assert.notInclude(everything(error), "Li", "the values may be private")
      }
      assert.strictEqual(calls, 0)
    }))

  it.effect("fails as its effect fails", () =>
    Effect.gen(function*() {
      for (
        const handler of [
          EventHandler.on("a", () => Effect.fail("no")),
          EventHandler.on("a", Schema.Struct({}), () => Effect.fail("no")),
          EventHandler.all(() => Effect.fail("no"))
        ]
      ) {
        assert.deepStrictEqual(yield* Effect.exit(handler.handle(event({}))), Exit.fail("no"))
      }
    }))

  it.effect("for all has no type, and gets the event as it is", () =>
    Effect.gen(function*() {
      const handler = EventHandler.all(Effect.succeed)
      assert.isUndefined(handler.type)
      const sent = event({})
      assert.strictEqual(yield* handler.handle(sent), sent)
    }))

  it.effect("of a definition with a key decodes a payload once, for the key and for the handler", () =>
    Effect.gen(function*() {
      let decodings = 0
      const Counted = Schema.transform(Schema.String, Schema.String, {
        decode: (id) => {
          decodings++
          return id
        },
        encode: (id) => id
      })
      const OrderPaid = FeishuEvents.make({
        type: "order_paid",
        payload: Schema.Struct({ order_id: Counted }),
        key: ({ order_id }) => order_id
      })
      const handler = EventHandler.on(OrderPaid, ({ payload }) => Effect.succeed(payload.order_id))
      for (const id of ["1", "2"]) {
        const sent = { ...event({ order_id: id }), type: "order_paid" }
        assert.strictEqual(handler.key(sent), `order_paid/${id}`)
        assert.strictEqual(yield* handler.handle(sent), id)
      }
      assert.strictEqual(decodings, 2)
      assert.strictEqual(yield* handler.handle(event({ order_id: "3" })), "3")
      const misfit = event({ order_id: 4 })
      assert.isUndefined(handler.key(misfit))
      assert.include(String(yield* Effect.flip(handler.handle(misfit))), "order_id: Expected string")
    }))

  it.effect("takes what its schema and its effect need from the context", () =>
    Effect.gen(function*() {
      const handler = EventHandler.on(
        "a",
        Schema.Struct({ name: KnownName }),
        ({ payload }) => Effect.map(Database, (database) => `${payload.name} in ${database.name}`)
      )
      const run = (name: string) =>
        Effect.exit(handler.handle(event({ name }))).pipe(
          Effect.provideService(Database, { name: "users" }),
          Effect.provideService(Directory, { names: ["Li"] })
        )
      assert.deepStrictEqual(yield* run("Li"), Exit.succeed("Li in users"))
      assert.isTrue(Exit.isFailure(yield* run("Wang")))
    }))
})

describe("EventHandler, its type", () => {
  it("needs nothing where its effect needs nothing", () => {
    expectTypeOf(EventHandler.on("a", () => Effect.void)).toEqualTypeOf<EventHandler.EventHandler>()
    expectTypeOf(EventHandler.on("a", User, () => Effect.void)).toEqualTypeOf<EventHandler.EventHandler>()
    expectTypeOf(EventHandler.all(() => Effect.void)).toEqualTypeOf<EventHandler.EventHandler>()
  })

  it("needs what its effect and its schema need", () => {
    expectTypeOf(EventHandler.on("a", () => Database)).toEqualTypeOf<EventHandler.EventHandler<Database>>()
    expectTypeOf(EventHandler.all(() => Database)).toEqualTypeOf<EventHandler.EventHandler<Database>>()
    expectTypeOf(EventHandler.on("a", KnownNames, () => Effect.void)).toEqualTypeOf<
      EventHandler.EventHandler<Directory>
    >()
    expectTypeOf(EventHandler.on("a", KnownNames, () => Database)).toEqualTypeOf<
      EventHandler.EventHandler<Directory | Database>
    >()
  })

  it("may fail with anything", () => {
    expectTypeOf(EventHandler.on("a", () => Effect.fail("no" as const))).toEqualTypeOf<EventHandler.EventHandler>()
  })

  it("gets the payload's type from the schema, and unknown fields without one", () => {
    EventHandler.on("a", User, (event) => {
      expectTypeOf(event).toEqualTypeOf<FeishuEvent<typeof User.Type>>()
      return Effect.void
    })
    EventHandler.on("a", (event) => {
      expectTypeOf(event.payload["name"]).toEqualTypeOf<unknown>()
      return Effect.void
    })
  })

  it("does not run while a service is left out", () => {
    const run = (_: EventHandler.EventHandler) => {}
    // @ts-expect-error: the database is not provided
    run(EventHandler.on("a", () => Database))
    // @ts-expect-error: what the schema needs is not provided
    run(EventHandler.on("a", KnownNames, () => Effect.void))
  })
})

const KnownNames = Schema.Struct({ name: KnownName })
