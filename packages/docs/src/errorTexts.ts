/** Explains each error code of `ErrorCode.table` in both languages. A test compares the codes with the table. */
import { ErrorCode } from "@effect-feishu/core"

/** A text in both languages. */
export interface Text {
  readonly en: string
  readonly zh: string
}

export interface KindText {
  /** Names the common cause of the codes. */
  readonly title: Text
  /** The cure in Chinese. The English cure is `ErrorCode.advice`. */
  readonly cure: string
  /** Says how the library reacts without the caller. */
  readonly library: Text
}

const untouched: Text = {
  en: "Fails at once with a `FeishuApiError`, because a second request would get the same answer.",
  zh: "立即以 `FeishuApiError` 失败，不重试，因为再次请求会得到同样的结果。"
}

const retried: Text = {
  en:
    "Retries resends and token calls, with growing waits of a random length. Retries calls of `FeishuClient` if a second "
    + "request does no harm: `GET`, `PUT`, `DELETE`, and calls that `FeishuClient.idempotent` marks.",
  zh:
    "对重新获取 app_ticket 和获取凭证的调用自动重试，等待时间随机并逐次增长。对 `FeishuClient` 的调用，只在重复请求无害时重试："
    + "`GET`、`PUT`、`DELETE`，以及用 `FeishuClient.idempotent` 标记的调用。"
}

export const kinds: Readonly<Record<ErrorCode.Kind, KindText>> = {
  RateLimited: {
    title: { en: "Too many calls", zh: "调用过于频繁" },
    cure: "按平台返回的时间等待后再调用，并降低调用频率。",
    library: {
      en: "Waits exactly as long as the header `x-ogw-ratelimit-reset` (or `Retry-After`) says, then sends the request "
        + "again, a `POST`, too, because the platform did nothing. Fails at once if the wait does not fit the time limit.",
      zh:
        "严格按响应头 `x-ogw-ratelimit-reset`（或 `Retry-After`）给出的时间等待，然后重新发送请求；平台没有执行被限频的请求，"
        + "所以 `POST` 也会重发。等待时间超出总时限时立即失败。"
    }
  },
  Internal: {
    title: { en: "Internal error of the platform", zh: "平台内部错误" },
    cure: "这是平台自身的错误：请稍后重试；如果持续出现，请把 log id 提供给平台技术支持。",
    library: retried
  },
  Busy: {
    title: { en: "The resource is busy", zh: "资源正忙" },
    cure: "平台仍在处理同一请求、文档或多维表格：请稍后重试。",
    library: retried
  },
  Credentials: {
    title: { en: "App ID or App Secret is wrong", zh: "App ID 或 App Secret 错误" },
    cure:
      "检查 App ID 与 App Secret 是否属于同一个应用、复制时是否缺字或带了空格、应用是否在当前域名（飞书或 Lark）上；"
      + "最后检查应用是否已被停用。",
    library: untouched
  },
  AppState: {
    title: { en: "The app cannot be used in this state", zh: "应用当前不可用" },
    cure: "在开发者后台检查应用是否已发布并启用，并确认该租户已安装应用。",
    library: untouched
  },
  NotStoreApp: {
    title: { en: "Not a store app", zh: "不是商店应用" },
    cure: "只有已发布的商店应用才有 app_ticket；企业自建应用不需要 app_ticket，也不能请求推送。",
    library: untouched
  },
  TicketInvalid: {
    title: { en: "The app ticket is invalid", zh: "app_ticket 无效" },
    cure: "app_ticket 已过期，或不属于该应用：重新获取 app_ticket 后再试一次。",
    library: {
      en:
        "`AccessToken` discards the ticket, asks for another, waits for the push, and makes the call once more, never a third "
        + "time.",
      zh: "`AccessToken` 丢弃该 app_ticket，请求平台重新推送并等待，然后只再调用一次，不会有第三次。"
    }
  },
  TokenInvalid: {
    title: { en: "The access token is invalid", zh: "访问凭证无效" },
    cure: "访问凭证已过期，或在此处无效：重新获取访问凭证后再试一次。",
    library: {
      en:
        "`FeishuClient` discards the tenant or app token, gets another, and makes the call once more, never a third time. A "
        + "user access token is not renewed.",
      zh:
        "`FeishuClient` 丢弃该 tenant_access_token 或 app_access_token，获取新的凭证，然后只再调用一次，不会有第三次。"
        + "user_access_token 不会自动刷新。"
    }
  },
  Permission: {
    title: { en: "A scope is missing", zh: "缺少权限" },
    cure:
      "在开发者后台的“权限管理”中为应用开通其中一个权限并发布新版本；如果使用 user_access_token，还需要用户授权该权限。",
    library: {
      en:
        "Fails at once with a `FeishuApiError`, whose `permissionViolations` lists the missing scopes and `helps` the pages "
        + "of the console where you add them.",
      zh: "立即以 `FeishuApiError` 失败：`permissionViolations` 列出缺少的权限，`helps` 给出开通权限的后台链接。"
    }
  },
  Parameter: {
    title: { en: "The request is wrong", zh: "请求有误" },
    cure: "修正请求：缺少参数，或参数值有误。",
    library: untouched
  },
  Quota: {
    title: { en: "The quota is used up", zh: "调用额度已用尽" },
    cure: "该租户本月的调用额度已用完：请等到下个月，或提升额度。",
    library: untouched
  },
  IpRefused: {
    title: { en: "The IP address is refused", zh: "IP 地址被拒绝" },
    cure: "在开发者后台的“IP 白名单”中加入本机的公网 IP 地址。",
    library: untouched
  },
  Unknown: {
    title: { en: "Any other code", zh: "其他错误码" },
    cure: "在开放平台文档中查找该错误码，或把 log id 提供给平台技术支持。",
    library: {
      en:
        "Retries as for an internal error if the HTTP status is 5xx. Treats the code as a rate limit if the status is 429, or "
        + "400 with a header that says how long to wait. Fails at once otherwise.",
      zh:
        "HTTP 状态码为 5xx 时按平台内部错误重试；状态码为 429，或为 400 且响应头给出等待时间时，按限频处理；其他情况立即失败。"
    }
  }
}

export interface CodeText {
  readonly cause: Text
  /** Replaces the cure of the kind in Chinese. */
  readonly cure?: string
  /** Adds to the cure. */
  readonly hint?: Text
}

const all = (codes: ReadonlyArray<number>, text: CodeText): ReadonlyArray<readonly [number, CodeText]> =>
  codes.map((code) => [code, text])

const userToken = "使用 refresh_token 刷新 user_access_token，或让用户重新登录授权。"

export const codes: ReadonlyMap<number, CodeText> = new Map([
  ...all(
    [...ErrorCode.table.values()].flatMap(({ code, kind }) => kind === "Internal" ? [code] : []),
    {
      cause: {
        en:
          "The platform failed while it handled the request. Its documentation says no more than “internal error, try again "
          + "later”.",
        zh: "平台处理请求时出错。平台文档只说明为“内部错误，请稍后重试”。"
      }
    }
  ),
  ...all([99991400], {
    cause: {
      en:
        "The app calls this API more often than the platform allows (“request trigger frequency limit”). Comes with HTTP 429, "
        + "and with HTTP 400 on older APIs.",
      zh: "应用调用该接口的频率超出平台限制（request trigger frequency limit）。HTTP 状态码为 429，旧接口为 400。"
    }
  }),
  ...all([1000004, 1000005], {
    cause: {
      en: "The app makes too many calls in a short time.",
      zh: "应用在短时间内调用次数过多。"
    }
  }),
  ...all([11232, 11233, 11247], {
    cause: {
      en: "The app sends too many messages in a short time.",
      zh: "应用在短时间内发送的消息过多。"
    }
  }),
  ...all([230020], {
    cause: {
      en: "The app sends too many messages to one chat or one user in a short time.",
      zh: "应用在短时间内向同一会话或同一用户发送的消息过多。"
    },
    hint: {
      en: "Other chats are not concerned: limit the rate for each chat.",
      zh: "其他会话不受影响：请按会话限制发送频率。"
    }
  }),
  ...all([18121], {
    cause: {
      en: "The platform is still processing the same request.",
      zh: "平台仍在处理同一个请求。"
    }
  }),
  ...all([1061045], {
    cause: {
      en: "Several calls change the same file or folder of the cloud space at once.",
      zh: "多个调用同时修改云空间中的同一文件或文件夹，产生资源争用。"
    },
    hint: { en: "Make such calls one after another.", zh: "请串行执行这类调用。" }
  }),
  ...all([131009], {
    cause: {
      en: "Several calls change the same wiki space at once (“lock contention”).",
      zh: "多个调用同时修改同一知识空间，产生锁冲突。"
    },
    hint: { en: "Make such calls one after another.", zh: "请串行执行这类调用。" }
  }),
  ...all([1254290, 1254607], {
    cause: {
      en: "The Base is busy: too many calls at once, or its data is not ready yet.",
      zh: "多维表格正忙：并发请求过多，或数据尚未就绪。"
    },
    hint: { en: "Make calls to one Base one after another.", zh: "对同一个多维表格的调用请串行执行。" }
  }),
  ...all([10003], {
    cause: {
      en:
        "A parameter is missing or has a wrong value. On a resend or a token call: this host does not know the App ID, or the "
        + "App ID or the App Secret is empty or malformed. There the kind is `Credentials`.",
      zh: "缺少参数，或参数值有误。如果出现在重新获取 app_ticket 或获取凭证的调用上：当前域名不认识该 App ID，"
        + "或 App ID、App Secret 为空或格式错误，此时 `kind` 为 `Credentials`。"
    },
    hint: {
      en:
        "On a resend or a token call: check whether the app is on Feishu or on Lark (`FEISHU_DOMAIN`), and look for white "
        + "space in the App ID.",
      zh:
        "如果出现在重新获取 app_ticket 或获取凭证的调用上：检查应用在飞书还是 Lark 上（`FEISHU_DOMAIN`），以及 App ID 中是否有空格。"
    }
  }),
  ...all([99991661], {
    cause: {
      en: "The request has no access token: the header `Authorization: Bearer …` is missing.",
      zh: "请求中没有访问凭证：缺少请求头 `Authorization: Bearer …`。"
    },
    hint: {
      en:
        "Call through `FeishuClient.forTenant`, `forApp` or `forUser`, which add the token. This is also the official SDK's error if it has no app_ticket yet, for example [after a deploy](../guide/after-a-deploy.md).",
      zh:
        "通过 `FeishuClient.forTenant`、`forApp` 或 `forUser` 调用，凭证会自动加上。官方 SDK 还没有 app_ticket 时（例如[部署之后](../guide/after-a-deploy.md)），也会得到这个错误。"
    }
  }),
  ...all([9499, 4000, 10001, 10100, 20001, 23001, 40001, 99991201, 99991301, 99992402], {
    cause: {
      en: "A parameter is missing or has a wrong value or type, or the path or the method of the request is wrong.",
      zh: "缺少参数，参数的值或类型有误，或请求的路径、方法有误。"
    },
    hint: {
      en: "Compare the request with the page of the API. The message of the error often names the field.",
      zh: "请对照该接口的文档检查请求；错误信息中通常会指出字段名。"
    }
  }),
  ...all([10005], {
    cause: {
      en: "The app is not authorised to make this call in its present state.",
      zh: "应用在当前状态下未获授权，不能调用。"
    }
  }),
  ...all([10013], {
    cause: {
      en:
        "The platform cannot issue a `tenant_access_token`: mostly the tenant key is wrong, or the tenant has not installed or "
        + "has removed the app.",
      zh: "平台无法签发 `tenant_access_token`：通常是 tenant_key 有误，或该租户没有安装、已卸载该应用。"
    }
  }),
  ...all([11207, 11209], {
    cause: {
      en: "The app is gone, not enabled, or cannot be used by this tenant.",
      zh: "应用已不存在、未启用，或该租户不可使用。"
    }
  }),
  ...all([11210, 20009], {
    cause: {
      en: "This tenant has not installed the app. Other tenants are not concerned.",
      zh: "该租户没有安装此应用。其他租户不受影响。"
    },
    cure: "请该租户的管理员安装应用，并检查 tenant_key 是否正确。",
    hint: {
      en: "Ask an administrator of the tenant to install the app, and check the tenant key.",
      zh: "在租户安装应用之前，请停止为该租户调用接口。"
    }
  }),
  ...all([20048, 20069], {
    cause: {
      en: "The app does not exist or is disabled. Seen when users sign in.",
      zh: "应用不存在或已停用。见于用户登录授权。"
    }
  }),
  ...all([99991662], {
    cause: {
      en: "The app is disabled, or is not installed in this tenant.",
      zh: "应用已停用，或该租户没有安装此应用。"
    }
  }),
  ...all([99991673], {
    cause: {
      en: "The tenant cannot use the app any longer: mostly the tenant has removed or disabled the app.",
      zh: "该租户已不能使用此应用：通常是租户卸载或停用了应用。"
    }
  }),
  ...all([10014], {
    cause: {
      en:
        "The App Secret is wrong (`app secret invalid`), or the App ID is unknown (`app id not exists`). The documentation "
        + "says “app unauthorised”, and so a disabled app is possible, too.",
      zh:
        "App Secret 错误（`app secret invalid`），或 App ID 不存在（`app id not exists`）。平台文档写的是“应用未授权”，"
        + "所以也可能是应用已停用。"
    }
  }),
  ...all([10015], {
    cause: { en: "The App Secret is wrong.", zh: "App Secret 错误。" }
  }),
  ...all([20002, 99991543], {
    cause: {
      en: "The App ID and the App Secret do not belong together.",
      zh: "App ID 与 App Secret 不匹配。"
    }
  }),
  ...all([10016], {
    cause: {
      en: "The platform refuses the resend: the app is a self-built app, or is not allowed to ask for a ticket.",
      zh: "平台拒绝推送 app_ticket：该应用是企业自建应用，或无权请求 app_ticket。"
    },
    hint: {
      en:
        "For a self-built app set `FEISHU_APP_KIND=self-built` and use `AccessToken.layerSelfBuilt`, without `AppTicket`.",
      zh: "企业自建应用请设置 `FEISHU_APP_KIND=self-built`，使用 `AccessToken.layerSelfBuilt`，不需要 `AppTicket`。"
    }
  }),
  ...all([10012], {
    cause: {
      en:
        "The platform cannot issue an `app_access_token`, because the app ticket is invalid: it is older than 3 hours, belongs "
        + "to another app, or was cut.",
      zh: "平台无法签发 `app_access_token`，因为 app_ticket 无效：超过 3 小时、属于其他应用，或内容不完整。"
    }
  }),
  ...all([99991663], {
    cause: {
      en: "The `tenant_access_token` is invalid or expired, or this API does not take a `tenant_access_token` at all.",
      zh: "`tenant_access_token` 无效或已过期，或者该接口根本不支持 `tenant_access_token`。"
    },
    hint: {
      en:
        "If a new token is refused, too (`wasTokenNew` is `true`), look up on the API's page which kind of token it takes.",
      zh: "如果新凭证也被拒绝（`wasTokenNew` 为 `true`），请在该接口的文档中查看它支持哪种访问凭证。"
    }
  }),
  ...all([99991664], {
    cause: { en: "The `app_access_token` is invalid or expired.", zh: "`app_access_token` 无效或已过期。" }
  }),
  ...all([99991671], {
    cause: {
      en: "The access token has a wrong form: it must begin with `t-`, `a-` or `u-`, or be a JWT.",
      zh: "访问凭证的格式有误：应以 `t-`、`a-` 或 `u-` 开头，或为 JWT。"
    },
    hint: {
      en: "Check that the header is `Authorization: Bearer …` and that the token is complete.",
      zh: "检查请求头是否为 `Authorization: Bearer …`，以及凭证是否完整。"
    }
  }),
  ...all([4001, 20005, 20013, 20014, 99991665], {
    cause: {
      en: "The app's or the tenant's access token is invalid, malformed or expired.",
      zh: "app_access_token 或 tenant_access_token 无效、格式错误或已过期。"
    }
  }),
  ...all([20006, 99991668], {
    cause: {
      en: "The `user_access_token` is invalid or expired.",
      zh: "`user_access_token` 无效或已过期。"
    },
    cure: userToken
  }),
  ...all([99991677], {
    cause: { en: "The `user_access_token` is expired.", zh: "`user_access_token` 已过期。" },
    cure: userToken
  }),
  ...all([99991672], {
    cause: {
      en: "The app has not applied for a scope that this API needs.",
      zh: "应用没有申请该接口所需的权限。"
    }
  }),
  ...all([99991676], {
    cause: {
      en: "The access token lacks a scope that this API needs.",
      zh: "访问凭证缺少该接口所需的权限。"
    }
  }),
  ...all([99991679], {
    cause: {
      en: "The user has not granted the app a scope that this API needs.",
      zh: "用户没有向应用授予该接口所需的权限。"
    },
    hint: {
      en: "Let the user sign in again with the scope in the request.",
      zh: "请在授权请求中带上该权限，让用户重新授权。"
    }
  }),
  ...all([230027], {
    cause: {
      en: "The app or the user lacks a permission to work with messages.",
      zh: "应用或用户缺少操作消息的权限。"
    }
  }),
  ...all([99991401], {
    cause: {
      en: "The app has an IP allow list, and the address that makes the call is not on the list.",
      zh: "应用设置了 IP 白名单，而发起调用的 IP 地址不在白名单内。"
    },
    hint: {
      en: "Behind a proxy or NAT the platform sees the address of the proxy or NAT.",
      zh: "如果经过代理或 NAT，平台看到的是代理或 NAT 的出口地址。"
    }
  }),
  ...all([99991403], {
    cause: {
      en: "The calls that the tenant's edition includes for this month are used up.",
      zh: "该租户的飞书版本所包含的本月接口调用额度已用完。"
    }
  })
])
