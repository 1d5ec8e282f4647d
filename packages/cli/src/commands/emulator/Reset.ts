/**
 * `feishu-ticket emulator reset`: begins again.
 */
import * as Effect from "effect/Effect"
import type * as EmulatorOptions from "../../EmulatorOptions.js"
import * as Running from "./Running.js"

export const run = (options: EmulatorOptions.Reset) =>
  Running.report(options, ({ call, client }) =>
    Effect.as(call(client.reset()), {
      json: {},
      text: "the emulator is as after its start; its clock and the request URLs stay"
    }))
