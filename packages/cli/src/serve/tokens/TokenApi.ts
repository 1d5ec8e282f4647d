/** Defines the endpoints of the token service. The service has the OpenAPI document at `/v1/openapi.json`. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Caller } from "./Caller.js"
import { answers } from "./TokenErrors.js"

const Seconds = Schema.NonNegativeInt.annotations({ description: "Whole seconds, rounded down" })
const Moment = Schema.String.annotations({ description: "ISO 8601, in UTC", examples: ["2025-01-01T02:00:00.000Z"] })

/** The characters of tenant keys and app ids. No other text can reach the log. */
const idPattern = /^[\w.-]{1,128}$/

export const TokenAnswer = Schema.Struct({
  token: Schema.String.annotations({ description: "Follows `Bearer` in the header `Authorization` of calls" }),
  expires_in: Seconds,
  expires_at: Moment,
  app_id: Schema.String,
  tenant_key: Schema.optional(Schema.String).annotations({
    description: "Absent for the app's own token, and for a self-built app"
  })
}).annotations({ identifier: "Token" })

export const TicketAnswer = Schema.Struct({
  ticket: Schema.String,
  expires_in: Seconds,
  sent_at: Moment,
  app_id: Schema.String
}).annotations({ identifier: "Ticket" })

/** A field that does not exist is an error, because the field is a misspelling. */
export const RefusedToken = Schema.Struct({
  token: Schema.NonEmptyString.pipe(Schema.maxLength(4096), Schema.Redacted).annotations({
    description: "The token that the platform refused"
  })
}).annotations({ identifier: "RefusedToken", parseOptions: { onExcessProperty: "error" } })

const AppHealth = Schema.Struct({
  app_id: Schema.String,
  ok: Schema.Boolean,
  expires_in: Schema.optional(Seconds).annotations({ description: "Of the ticket" }),
  reason: Schema.optional(Schema.String).annotations({
    description: "Why the app has no valid ticket, or why the store cannot be read. An app that is ok may have a reason"
  })
}).annotations({ identifier: "AppHealth" })

const healthOf = (ok: boolean) => Schema.Struct({ ok: Schema.Literal(ok), apps: Schema.Array(AppHealth) })

const Healthy = healthOf(true).annotations({ identifier: "Healthy" })
const Unhealthy = healthOf(false).annotations({ identifier: "Unhealthy" })

/** Makes the caller known to the endpoints. */
export class Authorized extends HttpApiMiddleware.Tag<Authorized>()("@effect-feishu/cli/tokens/Authorized", {
  provides: Caller,
  failure: answers.unauthorized,
  security: { key: HttpApiSecurity.bearer }
}) {}

const Id = Schema.String.pipe(Schema.pattern(idPattern, { description: "Letters, digits and the characters _ . -" }))

const ofTenant = Schema.Struct({ tenant_key: Id })
const ofApp = Schema.Struct({
  app_id: Schema.optional(Id).annotations({ description: "Needed only if the service has several apps" })
})

/** Says what the field `name` of a request must be. Does not show what the request has in the field, which may be a secret. */
export const sentenceOf = (name: PropertyKey | undefined): string =>
  name === "tenant_key" || name === "app_id"
    ? `${name} must be given once, and have 1 to 128 letters, digits and the characters _ . -`
    : "The body must be JSON of the form {\"token\":\"t-…\"}, have no other field, and come with the header "
      + "Content-Type: application/json"

const get = <const Name extends string>(name: Name, path: `/${string}`) =>
  HttpApiEndpoint.get(name, path).setUrlParams(ofApp)
    .addError(answers.refusedByPlatform)
    .addError(answers.unusableAnswer)
    .addError(answers.unreachable)
    .addError(answers.noTicketInTime)
    .addError(answers.storeAway)
    .addError(answers.closing)

const invalidate = <const Name extends string>(name: Name, path: `/${string}`) =>
  HttpApiEndpoint.post(name, path).setUrlParams(ofApp).setPayload(RefusedToken).addSuccess(HttpApiSchema.NoContent)
    .addError(answers.tokenStoreAway)

const describe = (text: string) => OpenApi.annotations({ description: text })

const tokens = HttpApiGroup.make("tokens", { topLevel: true })
  .add(
    get("tenantToken", "/tenants/:tenant_key/token").setPath(ofTenant).addSuccess(TokenAnswer)
      .annotateContext(describe("Returns a valid tenant access token. Waits for the app ticket if there is none."))
  )
  .add(
    get("appToken", "/app/token").addSuccess(TokenAnswer)
      .annotateContext(describe("Returns a valid app access token. Waits for the app ticket if there is none."))
  )
  .add(
    get("ticket", "/ticket").addSuccess(TicketAnswer).addError(answers.noTicket)
      .annotateContext(describe("Returns a valid app ticket. Waits for the ticket if there is none."))
  )
  .add(
    invalidate("invalidateTenantToken", "/tenants/:tenant_key/token/invalidate").setPath(ofTenant)
      .annotateContext(
        describe(
          "Removes a token that the platform refused from memory and from the store. Leaves any other token as it is."
        )
      )
  )
  .add(
    invalidate("invalidateAppToken", "/app/token/invalidate")
      .annotateContext(
        describe(
          "Removes a token that the platform refused from memory and from the store. Leaves any other token as it is."
        )
      )
  )
  .addError(answers.badRequest)
  .addError(answers.forbidden)
  .addError(answers.unknownApp)
  .addError(answers.notFound)
  .addError(answers.tooManyRefusals)
  .addError(answers.internalError)
  .middleware(Authorized)
  .prefix("/v1")

const health = HttpApiGroup.make("health", { topLevel: true })
  .add(
    HttpApiEndpoint.get("healthz", "/healthz").addSuccess(Healthy).addSuccess(Unhealthy, { status: 503 })
      .annotateContext(describe("Needs no key. Answers 200 if each store app has a valid ticket now, else 503."))
  )
  .addError(answers.forbidden)

const decodeErrorParts = new Set(["HttpApiDecodeError", "Issue", "PropertyKey"])

/** Removes the error that each `HttpApi` has for requests that do not fit: `BadRequest` takes its place. */
const withoutDecodeError = (spec: Record<string, unknown>): Record<string, unknown> => {
  const isDecodeError = (value: unknown): boolean =>
    Predicate.isRecord(value) && value["$ref"] === "#/components/schemas/HttpApiDecodeError"
  const isRemoved = (name: string, value: unknown): boolean =>
    decodeErrorParts.has(name) || (name === "400" && !JSON.stringify(value).includes("BadRequest"))
  const change = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.filter((item) => !isDecodeError(item)).map(change)
      : Predicate.isRecord(value)
      ? Object.fromEntries(
        Object.entries(value).flatMap(([name, value]) => isRemoved(name, value) ? [] : [[name, change(value)]])
      )
      : value
  return change(spec) as Record<string, unknown>
}

/** Each error is JSON with a sentence. */
export class TokenApi extends HttpApi.make("tokens")
  .add(tokens)
  .add(health)
  .annotate(OpenApi.Title, "The token service of feishu-ticket")
  .annotate(OpenApi.Version, "1")
  .annotate(OpenApi.Description, "Gives the services of a company valid access tokens of a Feishu / Lark app.")
  .annotate(OpenApi.Transform, withoutDecodeError)
{}
