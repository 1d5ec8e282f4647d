/** What is said of a file of secrets that is wrong: where, and no secret. */
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as JsonFile from "../src/JsonFile.js"
import * as JsonFlaw from "../src/JsonFlaw.js"
import * as AppsFile from "../src/serve/AppsFile.js"

describe("The place where a text is no JSON", () => {
  it.each([
    ["", 0],
    ["  \n", 3],
    ["secret", 0],
    ["[{\"a\":secret}]", 6],
    ["[{\"a\":\"secret\"},]", 16],
    ["[1 2]", 3],
    ["{\"a\":1,}", 7],
    ["{\"a\" \"secret\"}", 5],
    ["{a:1}", 1],
    ["{\"a\":\"sec\nret\"}", 5],
    ["[\"\\x\"]", 1],
    ["[01]", 2],
    ["[-]", 1],
    ["[[[]]", 5],
    ["[] secret", 3],
    ["\ufeff{}", 0]
  ])("of %j is %i", (text, place) => {
    assert.throws(() => JSON.parse(text))
    assert.strictEqual(JsonFlaw.indexIn(text), place)
  })

  it.each(["{}", " [ ] ", "[1,-2.5e+3,0.1,true,false,null]", "{\"a\":{\"b\":[{}]},\"\\u00e9\\n\":\"\"}"])(
    "of %j is its end",
    (text) => {
      assert.strictEqual(JsonFlaw.indexIn(text), text.length)
    }
  )
})

layer(NodeContext.layer)("A file of secrets", (it) => {
  const written = (text: string) =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* fs.makeTempFileScoped()
      yield* fs.writeFileString(path, text)
      return path
    })

  const list =
    "must be a list with at least one app: [{ \"appId\", \"appSecret\", \"kind\", \"encryptKey\", \"verificationToken\", \"baseUrl\" }]"

  it.scoped.each<[string, string]>([
    ["[\n  {\n    \"appSecret\": supersecret }]", "--apps FILE holds no JSON: line 3, column 18 is wrong"],
    ["supersecret", "--apps FILE holds no JSON: line 1, column 1 is wrong"],
    ["{\"appId\":\"cli_x\",\"appSecret\":\"supersecret\"}", `--apps FILE: ${list}`],
    ["[]", `--apps FILE: ${list}`],
    ["[\"supersecret\"]", "--apps FILE: [0]: must be an object with the fields of an app"],
    [
      "[{\"appId\":\"cli_x\",\"appSecret\":\"supersecret\",\"kind\":\"supersecret\"}]",
      "--apps FILE: [0].kind: must be store or self-built"
    ],
    ["[{\"appId\":\"cli_x\",\"appSecret\":[\"supersecret\"]}]", "--apps FILE: [0].appSecret: Expected string"]
  ])("of --apps that holds %j is refused in one sentence", ([text, sentence]) =>
    Effect.gen(function*() {
      const path = yield* written(text)
      const error = yield* Effect.flip(AppsFile.read(path, new Map()))
      assert.strictEqual(error.message.replace(path, "FILE"), sentence)
    }))

  it.scoped("is refused without a value that it holds", () =>
    Effect.gen(function*() {
      const path = yield* written("{\"a\":\"supersecret\"}")
      const error = yield* Effect.flip(JsonFile.decodeSecrets("FILE", path, Schema.Struct({ a: Schema.Number })))
      assert.strictEqual(error.message, "FILE: a: Expected number")
    }))
})
