import { type App, Emulator, EmulatorTest, EventCrypto } from "@effect-feishu/emulator"
import { assert, it } from "@effect/vitest"
import { Effect, Redacted, TestClock } from "effect"

const encryptKey = "an encrypt key"

/** What a request URL has to do with a delivery to an app with an encrypt key. */
const open = ({ body, headers }: App.Delivery) => {
  const signature = EventCrypto.sign({
    timestamp: headers["x-lark-request-timestamp"] ?? "",
    nonce: headers["x-lark-request-nonce"] ?? "",
    encryptKey,
    body
  })
  return {
    isGenuine: signature === headers["x-lark-signature"],
    event: JSON.parse(EventCrypto.decrypt({ encryptKey, encrypted: JSON.parse(body).encrypt }))
  }
}

it.effect("gets events that are signed and encrypted", () => {
  const deliveries: Array<App.Delivery> = []
  const requestUrl = (delivery: App.Delivery) =>
    Effect.sync(() => {
      deliveries.push(delivery)
      return { status: 200, body: "" }
    })
  return Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    yield* emulator.push("cli_test", { type: "contact.user.created_v3", payload: { name: "飞书" } })
    yield* TestClock.adjust("1 second")
    const [delivery] = deliveries.map(open)
    assert.isTrue(delivery?.isGenuine)
    assert.deepStrictEqual(delivery?.event.event, { name: "飞书" })
  }).pipe(Effect.provide(EmulatorTest.layer({ app: { encryptKey: Redacted.make(encryptKey), requestUrl } })))
})
