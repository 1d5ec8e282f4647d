/** What the stores ask of Redis. */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import type { RedisError } from "../RedisError.js"

/** Reads and writes one key, in one atomic step. Its arguments are its `ARGV`. */
export interface Script {
  readonly lua: string
  /** By which Redis knows it. */
  readonly sha: string
}

export const script = (lua: string): Script => ({ lua, sha: createHash("sha1").update(lua).digest("hex") })

export interface Connection {
  /** Sends a command about one key. */
  readonly send: (
    command: string,
    key: string,
    ...args: ReadonlyArray<string | number>
  ) => Effect.Effect<unknown, RedisError>
  /** Runs a script on one key. */
  readonly run: (
    script: Script,
    key: string,
    ...args: ReadonlyArray<string | number>
  ) => Effect.Effect<unknown, RedisError>
  /**
   * The messages of a channel. None: they come from now on, and some may have been missed before. It does not fail: while
   * there is no connection no message comes.
   */
  readonly messages: (channel: string) => Stream.Stream<Option.Option<string>>
}
