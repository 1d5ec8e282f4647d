/**
 * The stores that services share on Redis. A command loads this module only if `--store` names a Redis.
 */
import type { Claims } from "@effect-feishu/core/Claims"
import type * as TicketStore from "@effect-feishu/core/TicketStore"
import type * as TokenStore from "@effect-feishu/core/TokenStore"
import * as RedisConnection from "@effect-feishu/redis/RedisConnection"
import * as RedisTicketStore from "@effect-feishu/redis/RedisTicketStore"
import * as RedisTokenStore from "@effect-feishu/redis/RedisTokenStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Configuration from "./Configuration.js"
import { UsageError } from "./Failure.js"

/** Fails if Redis refuses the configuration. A Redis that is away may come back, so a command goes on. */
const checked = Layer.effectDiscard(
  RedisConnection.RedisConnection.pipe(
    Effect.flatMap(({ ready }) => ready),
    Effect.catchAll((error) => error.reason === "Misconfigured" ? Effect.fail(error) : Effect.void)
  )
)

export const layer = (
  url: Option.Option<string>,
  variables: Configuration.Variables
): Layer.Layer<TicketStore.TicketStore | TokenStore.TokenStore | Claims, UsageError> => {
  const nameOfUrl = Option.isSome(url) ? "--store" : "FEISHU_REDIS_URL"
  const all = new Map([...variables, ...Option.toArray(Option.map(url, (url) => ["FEISHU_REDIS_URL", url] as const))])
  const connection = Layer.unwrapEffect(
    Effect.map(
      Effect.withConfigProvider(RedisConnection.config, Configuration.provider(all)),
      (options) => RedisConnection.layerUrl(options)
    )
  )
  return Layer.mergeAll(RedisTicketStore.layer(), RedisTokenStore.layer(), checked).pipe(
    Layer.provide(connection),
    Layer.mapError((error) =>
      new UsageError({
        message: error._tag === "RedisError"
          ? `${nameOfUrl} is wrong: ${error.description}`
          : error._tag === "RedisUrlError"
          ? `${error.field === "url" ? nameOfUrl : "FEISHU_REDIS_SENTINEL_MASTER"} ${error.problem}`
          : all.has("FEISHU_REDIS_URL")
          ? Configuration.describe(error)
          : "FEISHU_REDIS_URL is not set, and --store redis needs it: redis://user:password@host:6379/0, for example"
      })
    )
  )
}
