/** The keys of the token service, read from text. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Keys from "../src/serve/tokens/Keys.js"

const parse = (text: string) => Keys.parse(Redacted.make(text), "FILE")

const key = "0123456789abcdef"
const other = "fedcba9876543210"

const nameOf = (keys: Keys.Keys, authorization: string) => Keys.find(keys, authorization)?.name

describe("Keys", () => {
  it.effect("are one on each line, beside comments and empty lines", () =>
    Effect.gen(function*() {
      const keys = yield* parse(`# of May\r\n\r\n  ${key}  \n\t# of June\n${other}\n`)
      assert.strictEqual(nameOf(keys, `Bearer ${key}`), "key 1")
      assert.strictEqual(nameOf(keys, `Bearer ${other}`), "key 2")
    }))

  it.effect("are separated by commas in a variable", () =>
    Effect.gen(function*() {
      const keys = yield* parse(`a=${key},b=${other}`)
      assert.deepStrictEqual(keys.map(({ name }) => name), ["a", "b"])
    }))

  it.effect("have an optional name, which is no part of the key", () =>
    Effect.gen(function*() {
      const keys = yield* parse(`billing=${key}\n${other}`)
      assert.strictEqual(nameOf(keys, `Bearer ${key}`), "billing")
      assert.strictEqual(nameOf(keys, `bearer  ${other}`), "key 2")
      assert.isUndefined(nameOf(keys, `Bearer billing=${key}`))
    }))

  it.effect("in Base64 end with = without being names", () =>
    Effect.gen(function*() {
      const keys = yield* parse("MDEyMzQ1Njc4OWFiY2RlZg==\nabcdefghijklmnopqrstuvw=")
      assert.strictEqual(nameOf(keys, "Bearer MDEyMzQ1Njc4OWFiY2RlZg=="), "key 1")
      assert.strictEqual(nameOf(keys, "Bearer abcdefghijklmnopqrstuvw="), "key 2")
    }))

  it.effect("are found only whole, and only after Bearer", () =>
    Effect.gen(function*() {
      const keys = yield* parse(key)
      for (
        const header of [
          "",
          key,
          `Basic ${key}`,
          `Bearer ${key}0`,
          `Bearer ${key.slice(1)}`,
          "Bearer ",
          `Bearer ${key} x`
        ]
      ) {
        assert.isUndefined(nameOf(keys, header), header)
      }
    }))

  it.effect.each([
    ["", "FILE has no key in it. Make a key with: openssl rand -hex 32"],
    ["# only a comment\n\n", "FILE has no key in it. Make a key with: openssl rand -hex 32"],
    [
      `${key}\n0123456789abcde`,
      "key 2 of FILE is shorter than 16 characters. Make a key with: openssl rand -hex 32"
    ],
    ["billing=short", "key 1 of FILE is shorter than 16 characters. Make a key with: openssl rand -hex 32"],
    [
      "0123456789 abcdef",
      "key 1 of FILE has white space in its name or its value. Make a key with: openssl rand -hex 32"
    ],
    [
      "billing= 0123456789abcdef",
      "key 1 of FILE has white space in its name or its value. Make a key with: openssl rand -hex 32"
    ],
    [
      "0123456789abcdéf",
      "key 1 of FILE has characters that no HTTP header can carry. Make a key with: openssl rand -hex 32"
    ],
    [`a=${key}\nb=${key}`, "key 2 of FILE is there twice: remove one of the two"]
  ])("are refused with a sentence that shows no key: %j", ([text, sentence]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(parse(text ?? ""))
      assert.strictEqual(error.message, sentence)
      assert.strictEqual(error._tag, "UsageError")
    }))
})
