/**
 * `feishu-ticket emulator callback`: for example a click on a card.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as EmulatorOptions from "../../EmulatorOptions.js"
import * as Running from "./Running.js"
import * as Templates from "./templates.js"

export const run = (options: EmulatorOptions.Callback) =>
  Running.report(options, (running) =>
    Effect.gen(function*() {
      const { call, client } = running
      const { payload, tenant, type } = options
      const { appId } = yield* Running.appOf(running, options)
      const { answer } = yield* call(client.callback({
        path: { appId },
        payload: {
          type,
          payload: yield* Templates.payloadOf(running, { kind: "callback", type, payload }),
          tenantKey: Option.getOrUndefined(tenant)
        }
      }))
      return { json: { appId, type, answer }, text: Running.shown(answer) }
    }))
