/** The file of `--apps`: several apps behind one request URL. */
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Configuration from "../Configuration.js"
import { UsageError } from "../Failure.js"
import * as JsonFile from "../JsonFile.js"
import * as Network from "../Network.js"

const App = Schema.Struct({
  appId: Schema.NonEmptyString,
  appSecret: Schema.Redacted(Schema.NonEmptyString),
  kind: Schema.optional(Schema.Literal("store", "self-built")),
  encryptKey: Schema.optional(Schema.Redacted(Schema.NonEmptyString)),
  verificationToken: Schema.optional(Schema.Redacted(Schema.NonEmptyString)),
  baseUrl: Schema.optional(Schema.NonEmptyString)
})

const Apps = Schema.NonEmptyArray(App)

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
