/** An app that `feishu-ticket serve` takes deliveries and gets tokens for. */
import type * as AccessToken from "@effect-feishu/core/AccessToken"
import type * as AppTicket from "@effect-feishu/core/AppTicket"
import type * as EventSubscription from "@effect-feishu/core/EventSubscription"
import type * as FeishuApp from "@effect-feishu/core/FeishuApp"
import type * as TicketStore from "@effect-feishu/core/TicketStore"
import type * as TokenStore from "@effect-feishu/core/TokenStore"
import type * as Effect from "effect/Effect"

export interface ServedApp {
  readonly app: FeishuApp.Service
  /** Proves deliveries, and stores the tickets. Has no handlers. */
  readonly subscription: EventSubscription.Service
  /** `undefined`: a self-built app, which gets no tickets. */
  readonly tickets: AppTicket.Service | undefined
  readonly store: TicketStore.Service
  readonly tokens: AccessToken.Service
  /** Forgets a token. Fails if the store cannot remove the token, which other processes would go on to use. */
  readonly invalidate: (token: AccessToken.Token) => Effect.Effect<void, TokenStore.TokenStoreError>
}

/** The apps by their id. Has at least one app. */
export type ServedApps = ReadonlyMap<string, ServedApp>
