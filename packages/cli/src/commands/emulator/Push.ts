/**
 * `feishu-ticket emulator push`: an event, or a new ticket, to the app.
 */
import type * as ControlApi from "@effect-feishu/emulator/ControlApi"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as EmulatorOptions from "../../EmulatorOptions.js"
import * as Failure from "../../Failure.js"
import * as Output from "../../Output.js"
import * as Running from "./Running.js"
import * as Templates from "./templates.js"

type Delivered = typeof ControlApi.Delivered.Type

const whatHappened = ({ body, outcome, status }: Delivered): string => {
  switch (outcome) {
    case "acknowledged":
      return `acknowledged with HTTP ${status}`
    case "refused":
      return `refused with HTTP ${status}${body === "" ? "" : `, ${body.slice(0, 500)}`}; the platform pushes again`
    case "timed out":
      return "the request URL did not answer within 3 s; the platform pushes again"
    case "unreachable":
      return "the request URL cannot be reached; the platform pushes again"
    case "no request URL":
      return "the app has no request URL: feishu-ticket emulator app request-url URL"
    case "pending":
      return "a fault holds or delays the delivery: the journal shows the delivery when it is sent"
    case "lost":
      return "a fault took the delivery"
  }
}

/** Reports what came of the first delivery. */
const report = (appId: string, type: string, delivered: Delivered) => {
  const text = `push of ${type} ${delivered.eventId} to ${appId}: ${whatHappened(delivered)}`
  const json = { appId, type, ...delivered }
  return delivered.outcome === "acknowledged" || delivered.outcome === "pending"
    ? Effect.succeed({ json, text: Output.plain(text) })
    : new Failure.NotTaken({ message: text, more: json })
}

export const run = (options: EmulatorOptions.Push) =>
  Running.report(options, (running) =>
    Effect.gen(function*() {
      const { call, client } = running
      const { event: type, payload, schema, tenant } = options
      const { appId } = yield* Running.appOf(running, options)
      if (type === "app_ticket") {
        if ([payload, schema, tenant].some(Option.isSome)) {
          return yield* new Failure.UsageError({
            message: "app_ticket takes no --payload, --schema or --tenant: the emulator makes the ticket"
          })
        }
        return yield* Effect.flatMap(
          call(client.pushTicket({ path: { appId } })),
          (delivered) => report(appId, type, delivered)
        )
      }
      const delivered = yield* call(client.push({
        path: { appId },
        payload: {
          type,
          payload: yield* Templates.payloadOf(running, { kind: "event", type, payload }),
          schema: Option.getOrUndefined(schema) as "1.0" | "2.0" | undefined,
          tenantKey: Option.getOrUndefined(tenant)
        }
      }))
      return yield* report(appId, type, delivered)
    }))
