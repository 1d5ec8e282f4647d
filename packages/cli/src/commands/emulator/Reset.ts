/**
 * `feishu-ticket emulator reset`: begins again.
 */
import * as Effect from "effect/Effect"
import type * as EmulatorCommands from "../../EmulatorCommands.js"
import * as Running from "./Running.js"

export const run = (options: EmulatorCommands.Reset) =>
  Running.report(options, ({ call, client }) =>
    Effect.as(call(client.reset()), {
      json: {},
      text: "the emulator is as after its start; its clock and the request URLs stay"
    }))
