/**
 * `feishu-ticket emulator clock`: runs the platform's clock forward.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as EmulatorOptions from "../../EmulatorOptions.js"
import * as Time from "../../Time.js"
import * as Running from "./Running.js"

export const run = (options: EmulatorOptions.Clock) =>
  Running.report(options, ({ call, client }) =>
    Effect.gen(function*() {
      const { advanced, now } = yield* call(client.advance({ payload: { advance: options.duration } }))
      const time = Time.moment(DateTime.unsafeMake(now))
      return {
        json: { now: time, advancedMs: advanced },
        text: `the platform's clock is at ${time}, ${Time.span(advanced)} ahead`
      }
    }))
