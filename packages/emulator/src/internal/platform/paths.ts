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
    : undefined
