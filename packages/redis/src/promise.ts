/**
 * The stores on Redis for `@effect-feishu/core/promise`. No type of this module names Effect.
 *
 * @since 0.1.0
 */
import type { Stores } from "@effect-feishu/core/promise"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { fromUrl } from "./internal/url.js"
import * as RedisConnection from "./RedisConnection.js"
import * as RedisTicketStore from "./RedisTicketStore.js"
import * as RedisTokenStore from "./RedisTokenStore.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface RedisOptions {
  /**
   * `redis://host:6379`, `redis://user:password@host:6379/0`, or `rediss://…` for TLS. Several URLs, separated by commas, name
   * sentinels or nodes of a Cluster; the first URL has the password and the number of the database.
   */
  readonly url: string
  /** The name of the master, if the URLs name sentinels. */
  readonly sentinelMaster?: string | undefined
  /** `true` if the URLs name nodes of a Cluster. Default: `false`. */
  readonly isCluster?: boolean | undefined
  /** Precedes each key and each channel. Default: `feishu:`. */
  readonly prefix?: string | undefined
  /** Limits the wait for an answer of Redis, in milliseconds. The platform waits 3 s. Default: 1,000. */
  readonly timeout?: number | undefined
}

/**
 * Keeps the ticket, the tokens and the ids of handled events on Redis, for all processes: they share one ticket and each token, and
 * handle each event once.
 *
 * Connects when the app is first used, and disconnects when the app is closed. Throws a `RedisUrlError` that says what is wrong with
 * the URL, and never shows the URL.
 *
 * @example
 * ```ts
 * import { createFeishuFromEnv } from "@effect-feishu/core/promise"
 * import { redis } from "@effect-feishu/redis/promise"
 *
 * export const feishu = createFeishuFromEnv({ store: redis({ url: "redis://127.0.0.1:6379" }) })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const redis = (options: RedisOptions): Stores => {
  const { isCluster, prefix, sentinelMaster, timeout } = options
  const target = { url: Redacted.make(options.url), sentinelMaster, isCluster, timeout }
  const checked = Effect.runSyncExit(fromUrl(target))
  if (Exit.isFailure(checked)) throw Cause.squash(checked.cause)
  const layer = Layer.merge(RedisTicketStore.layer({ prefix }), RedisTokenStore.layer({ prefix })).pipe(
    Layer.provide(RedisConnection.layerUrl(target))
  )
  const stores: Stores = { "~@effect-feishu/core/promise/Stores": layer }
  // A log that shows the options of an app shows nothing of the connection.
  return Object.defineProperty(stores, "~@effect-feishu/core/promise/Stores", { enumerable: false })
}
