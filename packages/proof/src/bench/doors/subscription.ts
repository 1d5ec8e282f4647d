/** The subscription behind each door, with a handler that does nothing, and what it counts. */
import * as EventHandler from "@effect-feishu/core/EventHandler"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as FeishuMetrics from "@effect-feishu/core/FeishuMetrics"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import { type App, eventType } from "./deliveries.js"

export const appLayer = ({ appId, encryptKey, verificationToken }: App) =>
  FeishuApp.layer({
    appId,
    appSecret: Redacted.make("an app secret"),
    encryptKey: Redacted.make(encryptKey),
    verificationToken: Redacted.make(verificationToken)
  })

export const options = { handlers: [EventHandler.on(eventType, () => Effect.void)] }

const countOf = (counters: ReadonlyArray<Metric.Metric.Counter<number>>) =>
  counters.reduce((sum, counter) => sum + Number(Effect.runSync(Metric.value(counter)).count), 0)

/** Its layer has a logger that counts the lines instead of writing them. */
export const make = (app: App) => {
  const pushes = ["stored", "older", "handled"].map((outcome) =>
    FeishuMetrics.pushes.pipe(Metric.tagged("app_id", app.appId), Metric.tagged("outcome", outcome))
  )
  const refusals = ["Signature", "Unsigned"].map((reason) =>
    FeishuMetrics.refusals.pipe(Metric.tagged("reason", reason))
  )
  let lines = 0
  return {
    layer: EventSubscription.layer(options).pipe(
      Layer.provide([appLayer(app), TicketStore.layerMemory]),
      Layer.merge(Logger.replace(Logger.defaultLogger, Logger.make(() => void lines++)))
    ),
    counts: () => ({ taken: countOf(pushes), refused: countOf(refusals), lines })
  }
}

interface Web {
  readonly handler: (request: Request) => Promise<Response>
  readonly counts: ReturnType<typeof make>["counts"]
}

/** The library's function from `Request` to `Response`. */
export const makeWeb = async (app: App): Promise<Web> => {
  const EventWebHandler = await import("@effect-feishu/core/EventWebHandler")
  const { counts, layer } = make(app)
  // Never disposed of: the layer lives as long as the process.
  return { handler: EventWebHandler.make(ManagedRuntime.make(layer)).handler, counts }
}
