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

describe("JSON with deep nesting", () => {
  const lists = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`
  const objects = (depth: number) => `${"{\"a\":".repeat(depth)}1${"}".repeat(depth)}`

  it.each([
    ["1,000 lists", lists(1000)],
    ["1,000 objects", objects(1000)],
    ["1,000 lists beside 1,000 objects", `[${lists(999)},${objects(999)}]`],
    ["2,000 lists beside each other", `[${Array(2000).fill("[]").join()}]`],
    ["brackets in a text", JSON.stringify("[".repeat(2000))],
    ["a long text", JSON.stringify(`${"x".repeat(20_000_000)}\\\n`)]
  ])("is not too deep with %s", (_, text) => {
    assert.isFalse(JsonFlaw.isTooDeep(JSON.parse(text)))
    assert.strictEqual(JsonFlaw.indexIn(text), text.length)
  })

  it.each([
    ["1,001 lists", lists(1001), 1000],
    ["1,001 objects", objects(1001), 5000],
    ["200,000 lists", lists(200_000), 1000]
  ])("is too deep with %s", (_, text, place) => {
    assert.isTrue(JsonFlaw.isTooDeep(JSON.parse(text)))
    assert.strictEqual(JsonFlaw.indexIn(text), place)
  })
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

  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`
  const column = (column: number) => `line 1, column ${column} is inside 1000 lists and objects, and more are not read`

  it.scoped.each<[string, string, string]>([
    ["that are not closed", "[".repeat(200_000), ` holds no JSON: ${column(1001)}`],
    ["that are closed", deep, `: ${column(1001)}`],
    ["in the place of a secret", `[{"appId":"cli_x","appSecret":${deep}}]`, `: ${column(1029)}`],
    ["in a field that no app has", `[{"appId":"cli_x","appSecret":"s","more":${deep}}]`, `: ${column(1040)}`]
  ])("of --apps with 200,000 lists %s is refused in one sentence", ([, text, sentence]) =>
    Effect.gen(function*() {
      const path = yield* written(text)
      const error = yield* Effect.flip(AppsFile.read(path, new Map()))
      assert.strictEqual(error.message.replace(path, "FILE"), `--apps FILE${sentence}`)
    }))

  it.scoped("is refused without a value that it holds", () =>
    Effect.gen(function*() {
      const path = yield* written("{\"a\":\"supersecret\"}")
      const error = yield* Effect.flip(JsonFile.decodeSecrets("FILE", path, Schema.Struct({ a: Schema.Number })))
      assert.strictEqual(error.message, "FILE: a: Expected number")
    }))
})
