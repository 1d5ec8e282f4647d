import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { ClusterNode, RedisOptions } from "ioredis"
import { RedisUrlError } from "../RedisError.js"

export type Target =
  | { readonly _tag: "Redis"; readonly options: RedisOptions }
  | { readonly _tag: "Cluster"; readonly nodes: ReadonlyArray<ClusterNode>; readonly options: RedisOptions }

const wrong = (field: RedisUrlError["field"], problem: string): Either.Either<never, RedisUrlError> =>
  Either.left(new RedisUrlError({ field, problem }))

const isDecodable = (text: string): boolean => Either.isRight(Either.try(() => decodeURIComponent(text)))

const parse = (text: string): Either.Either<URL, RedisUrlError> => {
  if (!URL.canParse(text)) {
    return wrong(
      "url",
      "is not a URL: give it in full, redis://host:6379, what is special in a password percent-encoded"
    )
  }
  const url = new URL(text)
  return url.protocol !== "redis:" && url.protocol !== "rediss:"
    ? wrong("url", "must begin with redis://, or with rediss:// for TLS")
    : url.hostname === ""
    ? wrong("url", "has no host")
    : !/^\/?\d{0,4}$/.test(url.pathname)
    ? wrong("url", "has another path than the number of a database")
    : url.search !== "" || url.hash !== ""
    ? wrong("url", "has a query or a fragment: remove it, and use RedisConnection.layer for more options")
    : !isDecodable(url.username) || !isDecodable(url.password)
    ? wrong("url", "has a % in its user name or password that encodes nothing: write %25 for it")
    : Either.right(url)
}

const addressOf = ({ hostname, port }: URL, usualPort: number) => ({
  // IPv6 stands in brackets in a URL, and nowhere else.
  host: hostname.replace(/^\[(.*)\]$/, "$1"),
  port: port === "" ? usualPort : Number(port)
})

export const fromUrl = ({ isCluster = false, sentinelMaster, url }: {
  readonly url: Redacted.Redacted
  readonly sentinelMaster?: string | undefined
  readonly isCluster?: boolean | undefined
}): Either.Either<Target, RedisUrlError> =>
  Either.flatMap(
    Either.all(Redacted.value(url).split(",").map((part) => parse(part.trim()))),
    (urls): Either.Either<Target, RedisUrlError> => {
      const [first, ...others] = urls
      if (first === undefined) return wrong("url", "is empty")
      if (others.some(({ protocol }) => protocol !== first.protocol)) {
        return wrong("url", "has some with TLS (rediss://) and some without: they must be alike")
      }
      const database = first.pathname.replace("/", "")
      const isTls = first.protocol === "rediss:"
      const options: RedisOptions = {
        ...(first.username === "" ? {} : { username: decodeURIComponent(first.username) }),
        ...(first.password === "" ? {} : { password: decodeURIComponent(first.password) }),
        ...(database === "" ? {} : { db: Number(database) }),
        ...(isTls ? { tls: {} } : {})
      }
      if (isCluster) {
        return sentinelMaster !== undefined
          ? wrong("sentinelMaster", "is given, and it is said to be a cluster, too: it can be only one of them")
          : Number(database) > 0
          ? wrong("url", "has the number of a database, and a cluster has only 0")
          : Either.right({ _tag: "Cluster", nodes: urls.map((url) => addressOf(url, 6379)), options })
      }
      if (sentinelMaster !== undefined) {
        return Either.right({
          _tag: "Redis",
          options: {
            ...options,
            sentinels: urls.map((url) => addressOf(url, 26379)),
            name: sentinelMaster,
            ...(isTls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {})
          }
        })
      }
      return others.length > 0
        ? wrong("url", "has several: say whether they are those of a cluster, or give sentinelMaster")
        : Either.right({ _tag: "Redis", options: { ...options, ...addressOf(first, 6379) } })
    }
  )
