/** The types of `promise`: checked by the compiler (`npm run check`), and by a look at the declarations. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import type { Schema } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import type * as ErrorCode from "../src/ErrorCode.js"
import * as FeishuEvents from "../src/FeishuEvents.js"
import * as Promises from "../src/promise.js"

const source = fileURLToPath(new URL("../src/", import.meta.url))

/** The declarations of a module, as the compiler writes them without a look at any other module. */
const declarationsOf = (name: string): string => {
  const { diagnostics = [], outputText } = ts.transpileDeclaration(readFileSync(`${source}${name}.ts`, "utf8"), {
    fileName: `${name}.ts`,
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, isolatedDeclarations: true }
  })
  assert.deepStrictEqual(diagnostics.map(({ messageText }) => messageText), [])
  return outputText
}

const importsOf = (declarations: string): ReadonlyArray<string> =>
  ts.preProcessFile(declarations, true, true).importedFiles.map(({ fileName }) => fileName)

/** The modules outside of this package that a module's declarations import, by way of others too. */
const outsideOf = (name: string, seen = new Set<string>()): ReadonlySet<string> => {
  seen.add(name)
  const outside = new Set<string>()
  for (const imported of importsOf(declarationsOf(name))) {
    const inside = /^\.\/(.+)\.js$/.exec(imported)?.[1]
    if (inside === undefined) outside.add(imported)
    else if (!seen.has(inside)) { for (const more of outsideOf(inside, seen)) outside.add(more) }
  }
  return outside
}

describe("the declarations of promise", () => {
  it("import Node's own types and no Effect", () => {
    assert.deepStrictEqual([...outsideOf("promise")], ["node:http"])
  })

  it("name each type by a public module", () => {
    for (const name of ["promise", "PromiseApi", "FeishuPayloads"]) {
      for (const imported of importsOf(declarationsOf(name))) assert.notInclude(imported, "internal")
    }
  })

  it("of another module are found to import Effect", () => {
    assert.include(importsOf(declarationsOf("FeishuEvents")), "effect/Schema")
  })
})

type PayloadOf<D> = D extends { readonly payload: infer S extends Schema.Schema.Any } ? Schema.Schema.Type<S> : never
type AnswerOf<D> = D extends { readonly answer: infer S extends Schema.Schema.Any } ? Schema.Schema.Type<S> : never

type Definitions = typeof FeishuEvents
type NamesOf<Tag> = {
  [K in keyof Definitions]: Definitions[K] extends { readonly _tag: Tag } ? K : never
}[keyof Definitions]

/** By definition of `FeishuEvents`: the type of event. */
const types = {
  MessageReceived: "im.message.receive_v1",
  BotAdded: "im.chat.member.bot.added_v1",
  BotRemoved: "im.chat.member.bot.deleted_v1",
  BotMenuClicked: "application.bot.menu_v6",
  AppStatusChanged: "app_status_change",
  AppOpened: "app_open",
  AppUninstalled: "app_uninstalled",
  AppVisibilityAdded: "application.application.visibility.added_v6",
  UserCreated: "contact.user.created_v3",
  UserUpdated: "contact.user.updated_v3",
  UserDeleted: "contact.user.deleted_v3",
  DepartmentCreated: "contact.department.created_v3",
  DepartmentUpdated: "contact.department.updated_v3",
  DepartmentDeleted: "contact.department.deleted_v3",
  ContactScopeUpdated: "contact.scope.updated_v3"
} as const

type Types = typeof types

/** By type of event: the payload that the schema decodes. */
type Decoded = { readonly [K in keyof Types as Types[K]]: PayloadOf<Definitions[K]> }

describe("the types of promise", () => {
  it("have each event with the payload of its schema", () => {
    expectTypeOf<keyof Types>().toEqualTypeOf<NamesOf<"Event">>()
    expectTypeOf<{ readonly [K in keyof Promises.EventPayloads]: Promises.EventPayloads[K] }>().toEqualTypeOf<Decoded>()
    for (const [name, definition] of Object.entries(FeishuEvents)) {
      if (typeof definition === "object" && "_tag" in definition && definition._tag === "Event") {
        assert.strictEqual(types[name as keyof Types], definition.type)
      }
    }
  })

  it("have each callback with the payload and the answer of its schemas, and the token of a card as a string", () => {
    expectTypeOf<NamesOf<"Callback">>().toEqualTypeOf<"CardAction" | "LinkPreview">()
    expectTypeOf<Promises.CallbackAnswer<"card.action.trigger">>()
      .toEqualTypeOf<AnswerOf<Definitions["CardAction"]>>()
    expectTypeOf<Promises.CallbackAnswer<"url.preview.get">>().toEqualTypeOf<AnswerOf<Definitions["LinkPreview"]>>()
    expectTypeOf<Promises.CallbackPayload<"url.preview.get">>().toEqualTypeOf<PayloadOf<Definitions["LinkPreview"]>>()
    expectTypeOf<Omit<Promises.CallbackPayload<"card.action.trigger">, "token">>()
      .toEqualTypeOf<Omit<PayloadOf<Definitions["CardAction"]>, "token">>()
    expectTypeOf<Promises.CallbackPayload<"card.action.trigger">["token"]>().toEqualTypeOf<string>()
  })

  it("have the kinds of the codes, and the unknown payload of an unknown type", () => {
    expectTypeOf<Promises.ErrorKind>().toEqualTypeOf<ErrorCode.Kind>()
    expectTypeOf<Promises.EventPayload<"of.mine">>().toEqualTypeOf<Promises.UnknownPayload>()
    expectTypeOf<Promises.CallbackAnswer<"of.mine">>().toEqualTypeOf<object>()
  })

  it("narrow an error by instanceof and by _tag", () => {
    const narrow = (error: unknown) =>
      error instanceof Promises.FeishuApiError
        ? expectTypeOf(error.code).toEqualTypeOf<number>()
        : error instanceof Promises.FeishuNetworkError && expectTypeOf(error.isRetryable).toEqualTypeOf<boolean>()
    assert.isFalse(narrow(new Error("another")))
  })
})
