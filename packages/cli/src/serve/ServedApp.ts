/** An app that `feishu-ticket serve` takes deliveries and gets tokens for. */
import type * as AccessToken from "@effect-feishu/core/AccessToken"
import type * as AppTicket from "@effect-feishu/core/AppTicket"
import type * as EventSubscription from "@effect-feishu/core/EventSubscription"
import type * as FeishuApp from "@effect-feishu/core/FeishuApp"
import type * as TicketStore from "@effect-feishu/core/TicketStore"

export interface ServedApp {
  readonly app: FeishuApp.Service
  /** Proves deliveries, and stores the tickets. Has no handlers. */
  readonly subscription: EventSubscription.Service
  /** `undefined`: a self-built app, which gets no tickets. */
  readonly tickets: AppTicket.Service | undefined
  readonly store: TicketStore.Service
  readonly tokens: AccessToken.Service
}

/** The apps by their id. Has at least one app. */
export type ServedApps = ReadonlyMap<string, ServedApp>
