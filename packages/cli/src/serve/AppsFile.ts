/** The file of `--apps`: several apps behind one request URL. */
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Configuration from "../Configuration.js"
import { UsageError } from "../Failure.js"
import * as JsonFile from "../JsonFile.js"
import * as Network from "../Network.js"

const Text = Schema.NonEmptyString
const Secret = Schema.Redacted(Text)
const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const App = Schema.Struct({
  appId: Text,
  appSecret: Secret,
  kind: optional(
    Schema.Literal("store", "self-built").annotations({
      message: () => ({ message: "must be store or self-built", override: true })
    })
  ),
  encryptKey: optional(Secret),
  verificationToken: optional(Secret),
  baseUrl: optional(Text)
}).annotations({ message: () => "must be an object with the fields of an app" })

const fields = Object.keys(App.fields).map((name) => JSON.stringify(name)).join(", ")

const message = () => `must be a list with at least one app: [{ ${fields} }]`

const Apps = Schema.Array(App).annotations({ message }).pipe(Schema.minItems(1, { message }))

/** Where the platform is for the apps that say nothing about it. */
const defaults = (variables: Configuration.Variables) => ({
  baseUrl: variables.get("FEISHU_BASE_URL")
    ?? (variables.get("FEISHU_DOMAIN") === "lark" ? FeishuApp.lark : FeishuApp.feishu),
  allowHttp: variables.get("FEISHU_ALLOW_HTTP") === "true"
})

/** Reads the apps. Fails with the app and the field that is wrong. */
export const read = (
  path: string,
  variables: Configuration.Variables
): Effect.Effect<ReadonlyArray<FeishuApp.Service>, UsageError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const named = `--apps ${path}`
    const apps = yield* JsonFile.decodeSecrets(named, path, Apps)
    const ids = apps.map(({ appId }) => appId)
    const twice = ids.find((id, i) => ids.indexOf(id) !== i)
    if (twice !== undefined) return yield* new UsageError({ message: `${named} has the app ${twice} twice` })
    return yield* Effect.forEach(apps, (app) =>
      FeishuApp.make({ ...defaults(variables), ...app }).pipe(
        Effect.mapError(({ field, problem }) =>
          new UsageError({ message: `${named}: ${field} of ${app.appId} ${problem}` })
        ),
        Effect.tap(({ baseUrl }) => Network.checkFor(baseUrl))
      ))
  })
