/**
 * Which app, on which platform: from the options, the environment and the file that `--env-file` names, in this order.
 */
import * as FeishuApp from "@effect-feishu/auth/FeishuApp"
import * as FileSystem from "@effect/platform/FileSystem"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { parseEnv } from "node:util"
import { UsageError } from "./Failure.js"

export interface Options {
  readonly envFile: Option.Option<string>
  readonly appId: Option.Option<string>
  readonly appSecretFile?: Option.Option<string>
  readonly baseUrl?: Option.Option<string>
  readonly domain?: Option.Option<string>
}

export type Variables = ReadonlyMap<string, string>

const readFile = (path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path)).pipe(
    Effect.mapError(({ message }) => new UsageError({ message: `${path} cannot be read: ${message}` }))
  )

const given = (option: Option.Option<string> | undefined) => option ?? Option.none<string>()

/** All variables there are. One that is empty counts as left out. */
export const variables = (options: Options): Effect.Effect<Variables, UsageError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const variables = new Map<string, string>()
    const take = (record: Readonly<Record<string, string | undefined>>) => {
      for (const [name, value] of Object.entries(record)) {
        if (value !== undefined && value !== "") variables.set(name, value)
      }
    }
    if (Option.isSome(options.envFile)) take(parseEnv(yield* readFile(options.envFile.value)))
    take(process.env)
    const baseUrl = given(options.baseUrl)
    const domain = given(options.domain)
    if (Option.isSome(baseUrl) && Option.isSome(domain)) {
      return yield* new UsageError({ message: "--base-url and --domain say the same: give only one of them" })
    }
    if (Option.isSome(baseUrl) || Option.isSome(domain)) {
      variables.delete("FEISHU_BASE_URL")
      variables.delete("FEISHU_DOMAIN")
    }
    const secretFile = given(options.appSecretFile)
    take({
      FEISHU_APP_ID: Option.getOrUndefined(options.appId),
      FEISHU_BASE_URL: Option.getOrUndefined(baseUrl),
      FEISHU_DOMAIN: Option.getOrUndefined(domain),
      // Editors end a file with a line break.
      FEISHU_APP_SECRET: Option.isSome(secretFile)
        ? (yield* readFile(secretFile.value)).replace(/\r?\n$/, "")
        : undefined
    })
    return variables
  })

const needed = {
  FEISHU_APP_ID: "the app's id, cli_…",
  FEISHU_APP_SECRET: "the app's secret (or name a file that holds it with --app-secret-file)"
}

/** What is wrong with a configuration, without its values. */
export const describe: (error: ConfigError.ConfigError) => string = ConfigError.reduceWithContext(undefined, {
  andCase: (_, left, right) => `${left}; ${right}`,
  orCase: (_, left) => left,
  invalidDataCase: (_, path, message) => `${path.join(".")}: ${message}`,
  missingDataCase: (_, path) => `${path.join(".")} is not set`,
  sourceUnavailableCase: (_, path, message) => `${path.join(".")}: ${message}`,
  unsupportedCase: (_, path, message) => `${path.join(".")}: ${message}`
})

/** So that a `Config` reads these variables. */
export const provider = (variables: Variables): ConfigProvider.ConfigProvider =>
  ConfigProvider.fromMap(new Map(variables))

export const app = (variables: Variables): Effect.Effect<FeishuApp.Service, UsageError> =>
  Effect.gen(function*() {
    const missing = Object.entries(needed).filter(([name]) => !variables.has(name))
    if (missing.length > 0) {
      return yield* new UsageError({
        message: `${
          missing.map(([name, what]) => `${name} is not set: ${what}`).join("; ")
        }. Both are in the developer `
          + "console under \"Credentials & Basic Info\"; put them into the environment, or into a file of NAME=value lines "
          + "that --env-file names"
      })
    }
    const options = yield* Effect.withConfigProvider(FeishuApp.config, provider(variables))
    return yield* FeishuApp.make(options)
  }).pipe(
    Effect.catchTag("FeishuAppError", ({ message }) => new UsageError({ message })),
    Effect.mapError((error) => error instanceof UsageError ? error : new UsageError({ message: describe(error) }))
  )

/** The app that the options name. */
export const layer = (options: Options): Layer.Layer<FeishuApp.FeishuApp, UsageError, FileSystem.FileSystem> =>
  Layer.effect(FeishuApp.FeishuApp, Effect.flatMap(variables(options), app))
