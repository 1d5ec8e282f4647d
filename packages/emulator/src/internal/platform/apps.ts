/** The apps that the platform knows. */
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { App } from "../../App.js"
import { CountedMap } from "./countedMap.js"
import { type Decision, isText, refusal } from "./exchange.js"

/** By id. */
export class Apps extends CountedMap<string, App> {}

export const kindOf = (app: App): "store" | "self-built" => app.kind ?? "store"

export const isEnabled = (app: App): boolean => app.enabled !== false

/** Returns the keys of the tenants that have installed the app. */
export const tenantsOf = (app: App): ReadonlyArray<string> => app.tenants ?? ["tenant_1"]

/** Only a store app that is enabled gets tickets. */
export const getsTickets = (app: App): boolean => kindOf(app) === "store" && isEnabled(app)

/** Returns the app of the credentials in a body, or the refusal of the credentials. */
export const authenticate = (
  apps: Apps,
  body: Readonly<Record<string, unknown>>,
  expected: { readonly kind: "store" | "self-built"; readonly otherwise: number }
): Either.Either<App, Decision> => {
  const { app_id: appId, app_secret: secret } = body
  if (!isText(appId) || !isText(secret)) return Either.left(refusal(10003, "invalid param"))
  const app = apps.get(appId)
  // Both are seen in practice (PROTOCOL, codes): an unknown id and a wrong secret have the same code.
  if (app === undefined) return Either.left(refusal(10014, "app id not exists"))
  if (Redacted.value(app.appSecret) !== secret) return Either.left(refusal(10014, "app secret invalid"))
  if (!isEnabled(app)) return Either.left(refusal(10005, "app is disabled"))
  return kindOf(app) === expected.kind
    ? Either.right(app)
    : Either.left(refusal(expected.otherwise, "the app's type does not allow this call"))
}
