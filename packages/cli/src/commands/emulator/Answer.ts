/**
 * `feishu-ticket emulator answer`: the answer to calls to a path.
 */
import * as ControlApi from "@effect-feishu/emulator/ControlApi"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as EmulatorOptions from "../../EmulatorOptions.js"
import * as Failure from "../../Failure.js"
import * as JsonFile from "../../JsonFile.js"
import * as Running from "./Running.js"

export const run = (options: EmulatorOptions.Answer) =>
  Running.report(options, ({ call, client }) =>
    Effect.gen(function*() {
      const { file, method, path, status } = options
      const payload = yield* Effect.mapError(
        Schema.decodeUnknown(ControlApi.Answer)({
          path,
          body: yield* JsonFile.read(file, file),
          ...Option.isSome(method) && { method: method.value },
          ...Option.isSome(status) && { status: status.value }
        }),
        (error) => new Failure.UsageError({ message: JsonFile.flawsOf(error).replace(/^status/, "--status") })
      )
      yield* call(client.addAnswer({ payload }))
      return { json: { answer: payload }, text: `set the answer to ${payload.method ?? "any method"} ${path}` }
    }))
