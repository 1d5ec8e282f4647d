/** Stores that outlive a restart of the app, as a database does, and that can fail. */
import * as Claims from "@effect-feishu/core/Claims"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

/** The services of the stores. */
export type Stores = Layer.Layer<Claims.Claims | TicketStore.TicketStore | TokenStore.TokenStore>

export const make = (
  appId: string,
  { fails, onTicket }: {
    /** Runs before each operation. Returns `true` if the operation fails. */
    readonly fails: Effect.Effect<boolean>
    /** Is given the time of each ticket that is read, in milliseconds since 1970. */
    readonly onTicket: (sentAt: number) => void
  }
) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(Layer.merge(TicketStore.layerMemory, TokenStore.layerMemory))
    const tickets = Context.get(context, TicketStore.TicketStore)
    const tokens = Context.get(context, TokenStore.TokenStore)
    const claims = Context.get(context, Claims.Claims)
    let failures = 0
    const guarded = <A, E>(error: () => E, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.flatMap(fails, (fails) => {
        if (!fails) return effect
        failures++
        return Effect.fail(error())
      })
    const description = "the store is away"
    const ofTickets = <A>(
      operation: TicketStore.TicketStoreError["operation"],
      effect: Effect.Effect<A, TicketStore.TicketStoreError>
    ) => guarded(() => new TicketStore.TicketStoreError({ appId, operation, description }), effect)
    const ofTokens = <A>(
      operation: TokenStore.TokenStoreError["operation"],
      effect: Effect.Effect<A, TokenStore.TokenStoreError>
    ) => guarded(() => new TokenStore.TokenStoreError({ appId, operation, description }), effect)
    const ofClaims = <A>(operation: Claims.ClaimsError["operation"], effect: Effect.Effect<A, Claims.ClaimsError>) =>
      guarded(() => new Claims.ClaimsError({ appId, operation, description }), effect)
    return {
      failures: () => failures,
      layer: Layer.mergeAll(
        Layer.succeed(TicketStore.TicketStore, {
          get: (id) =>
            ofTickets(
              "get",
              Effect.tap(tickets.get(id), (ticket) =>
                Effect.sync(() => {
                  if (Option.isSome(ticket)) onTicket(DateTime.toEpochMillis(ticket.value.sentAt))
                }))
            ),
          put: (id, ticket) => ofTickets("put", tickets.put(id, ticket)),
          drop: (id, ticket) => ofTickets("drop", tickets.drop(id, ticket)),
          changes: (id) => tickets.changes(id)
        }),
        Layer.succeed(TokenStore.TokenStore, {
          get: (key) => ofTokens("get", tokens.get(key)),
          put: (key, token) => ofTokens("put", tokens.put(key, token)),
          drop: (key, token) => ofTokens("drop", tokens.drop(key, token))
        }),
        Layer.succeed(Claims.Claims, {
          claim: (id, name, duration) => ofClaims("claim", claims.claim(id, name, duration)),
          renew: (claim, duration) => ofClaims("renew", claims.renew(claim, duration)),
          release: (claim) => ofClaims("release", claims.release(claim)),
          hold: (id, name, duration) => ofClaims("hold", claims.hold(id, name, duration))
        })
      )
    }
  })
