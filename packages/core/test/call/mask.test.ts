import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Redacted } from "effect"
import * as Mask from "../../src/internal/call/mask.js"

const masked = (text: string, ...secrets: ReadonlyArray<string>) =>
  Mask.make(secrets.map((secret) => Redacted.make(secret)))(text)

/** What each encoding makes of a secret, the way others do it. */
const encodings: Record<string, (secret: string) => string> = {
  plain: (secret) => secret,
  "in JSON": (secret) => JSON.stringify({ app_secret: secret }),
  "in JSON with escaped slashes": (secret) => JSON.stringify({ app_secret: secret }).replaceAll("/", "\\/"),
  "in a URL": (secret) => `https://open.feishu.cn/?secret=${encodeURIComponent(secret)}`,
  "in a URL with lower-case digits": (secret) =>
    encodeURIComponent(secret).replace(/%[0-9A-F]{2}/g, (digits) => digits.toLowerCase()),
  "in a form": (secret) => new URLSearchParams({ secret }).toString(),
  "within a word": (secret) => `abc${secret}def`
}

/** Secrets as the platform makes them are longer; one that a person types may have any character. */
const secret = FastCheck.string({ unit: "grapheme", minLength: 6, maxLength: 60 }).filter((text) =>
  text.trim() === text
)

describe("mask", () => {
  for (const [name, encode] of Object.entries(encodings)) {
    it.effect.prop(`removes a secret ${name}`, [secret], ([secret]) =>
      Effect.sync(() => {
        const text = encode(secret)
        assert.include(masked(text, secret), "<redacted>")
        assert.notInclude(masked(text, secret), encodeURIComponent(secret))
        assert.notInclude(masked(text, secret), JSON.stringify(secret).slice(1, -1))
      }))
  }

  it("leaves the letters of ordinary words to a short secret", () => {
    assert.strictEqual(masked("the platform refused the secret", "e"), "the platform refused the secret")
    assert.strictEqual(masked("refused", "ref"), "refused")
    assert.strictEqual(masked("cli_a1b2 was refused", "a1b2"), "cli_a1b2 was refused".replace("a1b2", "<redacted>"))
  })

  it("removes a short secret that stands alone", () => {
    assert.strictEqual(masked("secret=e&id=1", "e"), "secret=<redacted>&id=1")
    assert.strictEqual(masked("{\"app_secret\":\"e\"}", "e"), "{\"app_secret\":\"<redacted>\"}")
    assert.strictEqual(masked("Bearer e", "e"), "Bearer <redacted>")
    assert.strictEqual(masked("密 e 密", "e"), "密 <redacted> 密")
  })

  it("removes the longer of two secrets that contain each other", () => {
    assert.strictEqual(masked("secret-1-and-more secret-1", "secret-1", "secret-1-and-more"), "<redacted> <redacted>")
  })

  it("leaves a text as it is without a secret, or with an empty one", () => {
    assert.strictEqual(masked("text"), "text")
    assert.strictEqual(masked("text", ""), "text")
  })

  it("copies an error with its causes and its several errors, and nothing else of it", () => {
    const error = Object.assign(
      new TypeError("fetch failed for my-secret", {
        cause: Object.assign(
          new AggregateError([
            Object.assign(new Error("my-secret refused"), { code: "ECONNREFUSED", syscall: "connect" })
          ]),
          { code: "ECONNREFUSED" }
        )
      }),
      { request: { body: "my-secret" } }
    )
    const copy = Mask.cause(error, Mask.make([Redacted.make("my-secret")]))
    assert.strictEqual(copy.message, "fetch failed for <redacted>")
    assert.notProperty(copy, "request")
    const aggregate = copy.cause
    assert.instanceOf(aggregate, AggregateError)
    assert.strictEqual(Reflect.get(aggregate, "code"), "ECONNREFUSED")
    assert.deepInclude((aggregate as AggregateError).errors[0], {
      message: "<redacted> refused",
      code: "ECONNREFUSED",
      syscall: "connect"
    })
  })

  it("names the errors of an AggregateError that has no message, as a refused connection to two addresses has", () => {
    const refused = (address: string) => new Error(`connect ECONNREFUSED ${address}`)
    const error = new AggregateError([refused("::1"), refused("127.0.0.1")])
    assert.strictEqual(
      Mask.messages(Mask.cause(error, Mask.make([]))),
      "connect ECONNREFUSED ::1, connect ECONNREFUSED 127.0.0.1"
    )
  })
})
