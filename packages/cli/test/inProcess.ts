/** A command in the tests' own process, on their clock: for what takes minutes. */
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { Effect, Layer, Logger, Option, TestServices } from "effect"
import type * as Options from "../src/Options.js"
import { Output } from "../src/Output.js"

/** What it has printed, and logged. */
export interface Printed {
  readonly stdout: Array<string>
  readonly stderr: Array<string>
}

export const layer = ({ stderr, stdout }: Printed) =>
  Layer.mergeAll(
    NodeContext.layer,
    Layer.succeed(Output, {
      line: (text) => Effect.sync(() => void stdout.push(text)),
      paint: (_, text) => text,
      waiting: () => (effect) => effect
    }),
    Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ message }) => void stderr.push((Array.isArray(message) ? message : [message]).join(" ")))
    )
  )

const none = Option.none()

/** The options of `serve` without any word, on any free port and with the store in memory. */
export const serve: Options.Serve = {
  dotenv: none,
  appId: none,
  appSecretFile: none,
  baseUrl: none,
  domain: none,
  port: 0,
  host: none,
  path: "/webhook/event",
  store: Option.some("memory"),
  apps: none,
  forwardTo: none,
  dropEvents: false,
  saveDeliveries: none,
  tokens: false,
  tokensPort: none,
  tokensHost: none,
  tokensSocket: none,
  tokensKeyFile: none,
  events: false,
  reveal: false,
  json: false
}

/** For its `--dotenv`. */
export const dotenv = (variables: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* fs.makeTempFileScoped()
    yield* fs.writeFileString(path, Object.entries(variables).map(([name, value]) => `${name}="${value}"\n`).join(""))
    return path
  })

/** Waits, by the clock on the wall, until this is so. */
export const until = <E, R>(isSo: Effect.Effect<boolean, E, R>) =>
  TestServices.provideLive(
    Effect.repeat(Effect.delay(isSo, "10 millis"), { until: (isSo) => isSo }).pipe(Effect.timeout("25 seconds"))
  )
