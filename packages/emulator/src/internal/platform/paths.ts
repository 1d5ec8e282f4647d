/** The paths of the calls that are more than an empty success. */
export const paths = {
  appTicketResend: "/open-apis/auth/v3/app_ticket/resend",
  appAccessToken: "/open-apis/auth/v3/app_access_token",
  tenantAccessToken: "/open-apis/auth/v3/tenant_access_token",
  appAccessTokenInternal: "/open-apis/auth/v3/app_access_token/internal",
  tenantAccessTokenInternal: "/open-apis/auth/v3/tenant_access_token/internal",
  tenantQuery: "/open-apis/tenant/v2/tenant/query"
} as const

/** Returns `true` for the calls for tickets and tokens. */
export const isAuth = (path: string): boolean => path.startsWith("/open-apis/auth/v3/")

/** Matches a path segment by segment: `:message_id` stands for any segment. */
export const matches = (pattern: string, path: string): boolean => {
  const expected = pattern.split("/")
  const actual = path.split("/")
  return expected.length === actual.length
    && expected.every((segment, i) => segment.startsWith(":") ? actual[i] !== "" : segment === actual[i])
}

const known = new Set<string>(Object.values(paths))

/** Returns why no call can have this path, or `undefined` if a call can. */
export const flawOf = (path: string): string | undefined =>
  known.has(path)
    ? undefined
    : !path.startsWith("/open-apis/")
    ? `${path} is no path of the platform: paths begin with /open-apis/`
    : isAuth(path)
    ? `${path} does not exist: the calls for tickets and tokens are ${Object.values(paths).slice(0, 5).join(", ")}`
    : path.includes("?")
    ? `${path} has a query: a path is compared without the query`
    : !/^[\x21-\x7e]+$/.test(path) || path.includes("#")
    ? `${path} has a character that a path never has: encode that character, as %20 for a space`
    : undefined
