/**
 * The events and callbacks that store apps use most, with the types of their payloads.
 *
 * Fields keep the platform's names. Only the fields that the platform always sends are required; `null` in any other
 * field is read as absent. Fields that are not listed here are dropped: read them from `FeishuEvent.raw`. Where a page
 * lists the values of a field, the list may grow, so the type is `string` or `number`.
 *
 * Source: the Open Platform's pages, named by title at each definition.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Callbacks from "./internal/webhook/callbacks.js"

/**
 * Describes one type of event.
 *
 * @since 0.1.0
 * @category models
 */
export interface Definition<A, I = unknown> {
  readonly _tag: "Event"
  /** `FeishuEvent.type`, for example `im.message.receive_v1`. */
  readonly type: string
  /** Decodes `FeishuEvent.payload`, the `event` object of the body. */
  readonly payload: Schema.Schema<A, I>
  /** Names what the event is about: two events with the same key are one. Default: the event's id. */
  readonly key?: ((payload: A) => string) | undefined
}

/**
 * Describes one type of callback. The platform shows the answer to the user.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallbackDefinition<A, I, Answer, AnswerI> {
  readonly _tag: "Callback"
  /** `FeishuEvent.type`, for example `card.action.trigger`. */
  readonly type: string
  /** Decodes `FeishuEvent.payload`, the `event` object of the body. */
  readonly payload: Schema.Schema<A, I>
  /** Encodes the answer as the JSON body of the response. */
  readonly answer: Schema.Schema<Answer, AnswerI>
}

/**
 * Describes a type of event that this module does not list.
 *
 * @example
 * ```ts
 * import { FeishuEvents } from "@effect-feishu/core"
 * import { Schema } from "effect"
 *
 * export const OrderPaid = FeishuEvents.make({
 *   type: "order_paid",
 *   payload: Schema.Struct({ order_id: Schema.String, tenant_key: Schema.String }),
 *   key: (payload) => payload.order_id
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, I>(definition: Omit<Definition<A, I>, "_tag">): Definition<A, I> => ({
  _tag: "Event",
  ...definition
})

/**
 * Describes a type of callback that this module does not list.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeCallback = <A, I, Answer, AnswerI>(
  definition: Omit<CallbackDefinition<A, I, Answer, AnswerI>, "_tag">
): CallbackDefinition<A, I, Answer, AnswerI> => ({ _tag: "Callback", ...definition })

// Fields and shapes that several definitions share.

/** Hides the encoded type. Otherwise the declarations list all fields twice. */
const fromUnknown = <A, I>(schema: Schema.Schema<A, I>): Schema.Schema<A, unknown> => Schema.make(schema.ast)

/** Allows an absent field, and reads `null` as absent. */
const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { nullable: true })

const string = optional(Schema.String)
const number = optional(Schema.Number)
const boolean = optional(Schema.Boolean)
const strings = optional(Schema.Array(Schema.String))

/**
 * The ids of one user.
 *
 * @since 0.1.0
 * @category models
 */
export interface UserIds {
  /** Differs between the apps of one developer. */
  readonly open_id?: string | undefined
  /** Is the same in all apps of one developer. */
  readonly union_id?: string | undefined
  /** Is the same in all apps of one tenant. Requires `contact:user.employee_id:readonly`. */
  readonly user_id?: string | undefined
}

const UserIds = Schema.Struct({ open_id: string, union_id: string, user_id: string })

/**
 * A name in the languages of the platform.
 *
 * @since 0.1.0
 * @category models
 */
export interface I18nName {
  readonly zh_cn?: string | undefined
  readonly en_us?: string | undefined
  readonly ja_jp?: string | undefined
}

const I18nName = Schema.Struct({ zh_cn: string, en_us: string, ja_jp: string })

// Messages and chats.

/**
 * @since 0.1.0
 * @category models
 */
export interface Mention {
  /** Stands in the text of the message: `@_user_1` for the first mention. */
  readonly key: string
  readonly id?: UserIds | undefined
  /** `user` or `bot`. */
  readonly mentioned_type?: string | undefined
  readonly name?: string | undefined
  readonly tenant_key?: string | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Message {
  readonly message_id: string
  /** The first message of the replies. Only in replies. */
  readonly root_id?: string | undefined
  /** The message that the reply answers. Only in replies. */
  readonly parent_id?: string | undefined
  /** Milliseconds since 1970. */
  readonly create_time: string
  /** Milliseconds since 1970. */
  readonly update_time?: string | undefined
  readonly chat_id: string
  /** Only in messages of a topic. */
  readonly thread_id?: string | undefined
  /** `p2p` or `group`. */
  readonly chat_type: string
  /** `text`, `post`, `image`, `file`, `audio`, `media`, `sticker`, `interactive` and others: page "接收消息内容结构". */
  readonly message_type: string
  /** JSON, whose fields depend on `message_type`. `textOf` reads the JSON of a text message. */
  readonly content: string
  readonly mentions?: ReadonlyArray<Mention> | undefined
  /** Requires `im:user_agent:read`. */
  readonly user_agent?: string | undefined
}

/**
 * The payload of a message.
 *
 * @since 0.1.0
 * @category models
 */
export interface MessageReceived {
  readonly sender: {
    readonly sender_id?: UserIds | undefined
    /** `user` or `bot`. */
    readonly sender_type: string
    readonly tenant_key?: string | undefined
  }
  readonly message: Message
}

/**
 * A user, or another bot, sent a message that the bot may read.
 *
 * The platform may push one message as two events with different ids. The page says to deduplicate by `message_id`.
 *
 * Source: "接收消息". Event type: `im.message.receive_v1`. Scope: one of `im:message.p2p_msg:readonly`,
 * `im:message.group_at_msg:readonly`, `im:message.group_at_msg.include_bot:readonly` and `im:message.group_msg`.
 *
 * @since 0.1.0
 * @category events
 */
export const MessageReceived: Definition<MessageReceived> = make({
  type: "im.message.receive_v1",
  key: (payload) => payload.message.message_id,
  payload: fromUnknown(Schema.Struct({
    sender: Schema.Struct({ sender_id: optional(UserIds), sender_type: Schema.String, tenant_key: string }),
    message: Schema.Struct({
      message_id: Schema.String,
      root_id: string,
      parent_id: string,
      create_time: Schema.String,
      update_time: string,
      chat_id: Schema.String,
      thread_id: string,
      chat_type: Schema.String,
      message_type: Schema.String,
      content: Schema.String,
      mentions: optional(Schema.Array(Schema.Struct({
        key: Schema.String,
        id: optional(UserIds),
        mentioned_type: string,
        name: string,
        tenant_key: string
      }))),
      user_agent: string
    })
  }))
})

const decodeText = Schema.decodeUnknownOption(Schema.parseJson(Schema.Struct({ text: Schema.String })))

/**
 * Returns the text of a text message, or `None` for another type of message.
 *
 * Mentions are their keys, for example `@_user_1`; `message.mentions` has the names.
 *
 * @since 0.1.0
 * @category accessors
 */
export const textOf = (message: Pick<Message, "content" | "message_type">): Option.Option<string> =>
  message.message_type === "text" ? Option.map(decodeText(message.content), ({ text }) => text) : Option.none()

/**
 * The payload when the bot joins or leaves a chat.
 *
 * @since 0.1.0
 * @category models
 */
export interface BotMembership {
  readonly chat_id: string
  /** The user who added or removed the bot. */
  readonly operator_id?: UserIds | undefined
  /** `true` if the chat has members of other tenants. */
  readonly external?: boolean | undefined
  readonly operator_tenant_key?: string | undefined
  /** The name of the chat. */
  readonly name?: string | undefined
  readonly i18n_names?: I18nName | undefined
}

const BotMembership: Schema.Schema<BotMembership, unknown> = fromUnknown(Schema.Struct({
  chat_id: Schema.String,
  operator_id: optional(UserIds),
  external: boolean,
  operator_tenant_key: string,
  name: string,
  i18n_names: optional(I18nName)
}))

/**
 * The bot was added to a chat.
 *
 * Source: "机器人进群". Event type: `im.chat.member.bot.added_v1`. Scope: one of `im:chat.members:bot_access`,
 * `im:chat:readonly` and `im:chat`.
 *
 * @since 0.1.0
 * @category events
 */
export const BotAdded: Definition<BotMembership> = make({
  type: "im.chat.member.bot.added_v1",
  payload: BotMembership
})

/**
 * The bot was removed from a chat.
 *
 * Source: "机器人被移出群". Event type: `im.chat.member.bot.deleted_v1`. Scope: one of `im:chat.members:bot_access`,
 * `im:chat:readonly` and `im:chat`.
 *
 * @since 0.1.0
 * @category events
 */
export const BotRemoved: Definition<BotMembership> = make({
  type: "im.chat.member.bot.deleted_v1",
  payload: BotMembership
})

/**
 * The payload of a click in the bot's menu.
 *
 * @since 0.1.0
 * @category models
 */
export interface BotMenuClicked {
  readonly operator?: {
    /** Requires `application:application.bot.operator_name:readonly`. */
    readonly operator_name?: string | undefined
    readonly operator_id?: UserIds | undefined
  } | undefined
  /** The key that the menu item has in the developer console. */
  readonly event_key: string
  /** The time of the click: seconds since 1970 in the page's example. A number in Feishu's page, a string in Lark's. */
  readonly timestamp?: number | string | undefined
}

/**
 * A user clicked an item of the bot's menu that pushes an event.
 *
 * Source: "机器人自定义菜单事件". Event type: `application.bot.menu_v6`. Scope: none. The page lists self-built apps only.
 *
 * @since 0.1.0
 * @category events
 */
export const BotMenuClicked: Definition<BotMenuClicked> = make({
  type: "application.bot.menu_v6",
  payload: fromUnknown(Schema.Struct({
    operator: optional(Schema.Struct({ operator_name: string, operator_id: optional(UserIds) })),
    event_key: Schema.String,
    timestamp: optional(Schema.Union(Schema.Number, Schema.String))
  }))
})

// The app in a tenant.

/**
 * The payload when the app is enabled or disabled.
 *
 * @since 0.1.0
 * @category models
 */
export interface AppStatusChanged {
  readonly app_id: string
  readonly tenant_key: string
  /** `start_by_tenant`, `stop_by_tenant` or `stop_by_platform`. */
  readonly status: string
  /** Only with `start_by_tenant`. */
  readonly operator?: UserIds | undefined
}

/**
 * The tenant enabled or disabled the app, or the platform disabled the app. Installing the app enables it, too.
 *
 * Source: "应用停启用". Event type: `app_status_change` (schema 1.0). Scope: none. Store apps only.
 *
 * @since 0.1.0
 * @category events
 */
export const AppStatusChanged: Definition<AppStatusChanged> = make({
  type: "app_status_change",
  payload: fromUnknown(Schema.Struct({
    app_id: Schema.String,
    tenant_key: Schema.String,
    status: Schema.String,
    operator: optional(UserIds)
  }))
})

/**
 * The payload when a tenant enables the app for the first time.
 *
 * @since 0.1.0
 * @category models
 */
export interface AppOpened {
  readonly app_id: string
  readonly tenant_key: string
  /** The users who applied for the app. */
  readonly applicants?: ReadonlyArray<UserIds> | undefined
  /** Set if an administrator installed the app, or approved the application of a member. */
  readonly installer?: UserIds | undefined
  /** Set if a member installed the app without an approval. */
  readonly installer_employee?: UserIds | undefined
}

/**
 * A tenant installed and enabled the app for the first time.
 *
 * Source: "首次启用应用". Event type: `app_open` (schema 1.0). Scope: none. Store apps only.
 *
 * @since 0.1.0
 * @category events
 */
export const AppOpened: Definition<AppOpened> = make({
  type: "app_open",
  payload: fromUnknown(Schema.Struct({
    app_id: Schema.String,
    tenant_key: Schema.String,
    applicants: optional(Schema.Array(UserIds)),
    installer: optional(UserIds),
    installer_employee: optional(UserIds)
  }))
})

/**
 * The payload when a tenant uninstalls the app.
 *
 * @since 0.1.0
 * @category models
 */
export interface AppUninstalled {
  readonly app_id: string
  readonly tenant_key: string
}

/**
 * A tenant uninstalled the app, or the tenant was dissolved. The app may now delete the tenant's data.
 *
 * Source: "应用卸载". Event type: `app_uninstalled` (schema 1.0). Scope: none. Store apps only.
 *
 * @since 0.1.0
 * @category events
 */
export const AppUninstalled: Definition<AppUninstalled> = make({
  type: "app_uninstalled",
  payload: fromUnknown(Schema.Struct({ app_id: Schema.String, tenant_key: Schema.String }))
})

/**
 * The payload when users join the app's availability.
 *
 * @since 0.1.0
 * @category models
 */
export interface AppVisibilityAdded {
  /** The users who joined. */
  readonly users?: ReadonlyArray<{ readonly user_id?: UserIds | undefined }> | undefined
  /** Has no meaning yet, says the page. */
  readonly source?: number | undefined
}

/**
 * Members installed the app without an approval, or joined its availability that way.
 *
 * The page does not name changes by an administrator. `ContactScopeUpdated` is the nearest event for them.
 *
 * Source: "员工免审安装应用". Event type: `application.application.visibility.added_v6`. Scope: none. Store apps only.
 *
 * @since 0.1.0
 * @category events
 */
export const AppVisibilityAdded: Definition<AppVisibilityAdded> = make({
  type: "application.application.visibility.added_v6",
  payload: fromUnknown(Schema.Struct({
    users: optional(Schema.Array(Schema.Struct({ user_id: optional(UserIds) }))),
    source: number
  }))
})

// Users and departments.

/**
 * @since 0.1.0
 * @category models
 */
export interface DepartmentName {
  readonly name?: string | undefined
  readonly i18n_name?: I18nName | undefined
}

const DepartmentName = Schema.Struct({ name: string, i18n_name: optional(I18nName) })

/**
 * A user. The platform leaves out each field that the app has no scope for.
 *
 * @since 0.1.0
 * @category models
 */
export interface User {
  readonly open_id: string
  readonly union_id?: string | undefined
  /** Requires `contact:user.employee_id:readonly`. */
  readonly user_id?: string | undefined
  readonly name?: string | undefined
  readonly en_name?: string | undefined
  readonly nickname?: string | undefined
  /** Requires `contact:user.email:readonly`. */
  readonly email?: string | undefined
  readonly enterprise_email?: string | undefined
  readonly job_title?: string | undefined
  /** Requires `contact:user.phone:readonly`. */
  readonly mobile?: string | undefined
  /** 0: unknown, 1: male, 2: female, 3: other. */
  readonly gender?: number | undefined
  readonly avatar?: {
    readonly avatar_72?: string | undefined
    readonly avatar_240?: string | undefined
    readonly avatar_640?: string | undefined
    readonly avatar_origin?: string | undefined
  } | undefined
  readonly status?: {
    readonly is_frozen?: boolean | undefined
    readonly is_resigned?: boolean | undefined
    readonly is_activated?: boolean | undefined
    readonly is_exited?: boolean | undefined
    readonly is_unjoin?: boolean | undefined
  } | undefined
  /** The pages say that `object` never has the ids, and to read them from `old_object`. */
  readonly department_ids?: ReadonlyArray<string> | undefined
  /** The `open_id` of the manager. */
  readonly leader_user_id?: string | undefined
  readonly city?: string | undefined
  readonly country?: string | undefined
  readonly work_station?: string | undefined
  /** Seconds since 1970. */
  readonly join_time?: number | undefined
  readonly employee_no?: string | undefined
  /** 1: regular, 2: intern, 3: outsourced, 4: contractor, 5: consultant; other numbers are the tenant's own types. */
  readonly employee_type?: number | undefined
  readonly orders?:
    | ReadonlyArray<{
      readonly department_id?: string | undefined
      /** Order among the users of the department; the largest is first. */
      readonly user_order?: number | undefined
      /** Order among the departments of the user; the largest is first. */
      readonly department_order?: number | undefined
      readonly is_primary_dept?: boolean | undefined
    }>
    | undefined
  readonly custom_attrs?:
    | ReadonlyArray<{
      /** `TEXT`, `HREF`, `ENUMERATION`, `PICTURE_ENUM` or `GENERIC_USER`. */
      readonly type?: string | undefined
      readonly id?: string | undefined
      readonly value?: {
        readonly text?: string | undefined
        readonly url?: string | undefined
        readonly pc_url?: string | undefined
        readonly option_id?: string | undefined
        readonly option_value?: string | undefined
        readonly name?: string | undefined
        readonly picture_url?: string | undefined
        readonly generic_user?: {
          /** A `user_id`. */
          readonly id?: string | undefined
          /** 1: user. */
          readonly type?: number | undefined
        } | undefined
      } | undefined
    }>
    | undefined
  readonly job_level_id?: string | undefined
  readonly job_family_id?: string | undefined
  readonly dotted_line_leader_user_ids?: ReadonlyArray<string> | undefined
  /** Only in `ContactScopeUpdated`. */
  readonly is_frozen?: boolean | undefined
  /** Only in `ContactScopeUpdated`. */
  readonly subscription_ids?: ReadonlyArray<string> | undefined
  /** The user's licences. Only in `ContactScopeUpdated`. Requires `contact:user.assign_info:read`. */
  readonly assign_info?:
    | ReadonlyArray<{
      readonly subscription_id?: string | undefined
      readonly license_plan_key?: string | undefined
      readonly product_name?: string | undefined
      readonly i18n_name?: I18nName | undefined
      /** Seconds since 1970 in the page's example. */
      readonly start_time?: string | undefined
      /** Seconds since 1970 in the page's example. */
      readonly end_time?: string | undefined
    }>
    | undefined
  /** Only in `ContactScopeUpdated`. Requires `contact:user.department_path:readonly`. */
  readonly department_path?:
    | ReadonlyArray<{
      readonly department_id?: string | undefined
      readonly department_name?: DepartmentName | undefined
      readonly department_path?: {
        readonly department_ids?: ReadonlyArray<string> | undefined
        readonly department_path_name?: DepartmentName | undefined
      } | undefined
    }>
    | undefined
}

/**
 * A user before a change, mostly with the fields that changed.
 *
 * @since 0.1.0
 * @category models
 */
export interface OldUser extends Omit<User, "open_id"> {
  readonly open_id?: string | undefined
}

/** A function, because esbuild keeps an unused `Schema.Struct` that spreads shared fields. */
const userWith = <OpenId extends Schema.Struct.Field>(open_id: OpenId) =>
  Schema.Struct({
    open_id,
    union_id: string,
    user_id: string,
    name: string,
    en_name: string,
    nickname: string,
    email: string,
    enterprise_email: string,
    job_title: string,
    mobile: string,
    gender: number,
    avatar: optional(
      Schema.Struct({ avatar_72: string, avatar_240: string, avatar_640: string, avatar_origin: string })
    ),
    status: optional(Schema.Struct({
      is_frozen: boolean,
      is_resigned: boolean,
      is_activated: boolean,
      is_exited: boolean,
      is_unjoin: boolean
    })),
    department_ids: strings,
    leader_user_id: string,
    city: string,
    country: string,
    work_station: string,
    join_time: number,
    employee_no: string,
    employee_type: number,
    orders: optional(Schema.Array(Schema.Struct({
      department_id: string,
      user_order: number,
      department_order: number,
      is_primary_dept: boolean
    }))),
    custom_attrs: optional(Schema.Array(Schema.Struct({
      type: string,
      id: string,
      value: optional(Schema.Struct({
        text: string,
        url: string,
        pc_url: string,
        option_id: string,
        option_value: string,
        name: string,
        picture_url: string,
        generic_user: optional(Schema.Struct({ id: string, type: number }))
      }))
    }))),
    job_level_id: string,
    job_family_id: string,
    dotted_line_leader_user_ids: strings,
    is_frozen: boolean,
    subscription_ids: strings,
    assign_info: optional(Schema.Array(Schema.Struct({
      subscription_id: string,
      license_plan_key: string,
      product_name: string,
      i18n_name: optional(I18nName),
      start_time: string,
      end_time: string
    }))),
    department_path: optional(Schema.Array(Schema.Struct({
      department_id: string,
      department_name: optional(DepartmentName),
      department_path: optional(Schema.Struct({
        department_ids: strings,
        department_path_name: optional(DepartmentName)
      }))
    })))
  })

const User = userWith(Schema.String)

/**
 * The payload when a user joins a tenant.
 *
 * @since 0.1.0
 * @category models
 */
export interface UserCreated {
  readonly object: User
}

/**
 * A user joined the tenant.
 *
 * Source: "员工入职". Event type: `contact.user.created_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const UserCreated: Definition<UserCreated> = make({
  type: "contact.user.created_v3",
  payload: fromUnknown(Schema.Struct({ object: User }))
})

/**
 * The payload when a user changes or leaves.
 *
 * @since 0.1.0
 * @category models
 */
export interface UserChanged {
  readonly object: User
  /** Holds the changed fields with their values before the change. */
  readonly old_object?: OldUser | undefined
}

const UserChanged: Schema.Schema<UserChanged, unknown> = fromUnknown(Schema.Struct({
  object: User,
  old_object: optional(userWith(string))
}))

/**
 * The data of a user changed. A changed mobile number or email address has an event of its own.
 *
 * Only for users whom the app's contact scope includes.
 *
 * Source: "员工信息被修改". Event type: `contact.user.updated_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const UserUpdated: Definition<UserChanged> = make({ type: "contact.user.updated_v3", payload: UserChanged })

/**
 * A user left the tenant. `old_object` has the departments of the user.
 *
 * Source: "员工离职". Event type: `contact.user.deleted_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const UserDeleted: Definition<UserChanged> = make({ type: "contact.user.deleted_v3", payload: UserChanged })

/**
 * A department. The platform leaves out each field that the app has no scope for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Department {
  readonly open_department_id: string
  /** The id that the tenant chose. */
  readonly department_id?: string | undefined
  readonly name?: string | undefined
  /** `0` if the parent is the root department. */
  readonly parent_department_id?: string | undefined
  /** The `open_id` of the manager. */
  readonly leader_user_id?: string | undefined
  readonly chat_id?: string | undefined
  /** Order among the departments of the parent; the smallest is first. A string in `ContactScopeUpdated`. */
  readonly order?: number | string | undefined
  readonly status?: { readonly is_deleted?: boolean | undefined } | undefined
  readonly leaders?:
    | ReadonlyArray<{
      /** 1: manager, 2: deputy. */
      readonly leaderType?: number | undefined
      /** An `open_id`. */
      readonly leaderID?: string | undefined
    }>
    | undefined
  /** Requires `contact:department.hrbp:readonly`. */
  readonly department_hrbps?: ReadonlyArray<UserIds> | undefined
  /** Only in `ContactScopeUpdated`. */
  readonly i18n_name?: I18nName | undefined
  /** Only in `ContactScopeUpdated`. */
  readonly unit_ids?: ReadonlyArray<string> | undefined
  /** Only in `ContactScopeUpdated`. */
  readonly member_count?: number | undefined
  /** Only in `ContactScopeUpdated`. */
  readonly primary_member_count?: number | undefined
  /** The types of `User.employee_type` in the department's chat; 6: other types. Only in `ContactScopeUpdated`. */
  readonly group_chat_employee_types?: ReadonlyArray<number> | undefined
}

/**
 * A department before a change.
 *
 * @since 0.1.0
 * @category models
 */
export interface OldDepartment extends Omit<Department, "open_department_id"> {
  readonly open_department_id?: string | undefined
}

/** A function for the same reason as `userWith`. */
const departmentWith = <OpenId extends Schema.Struct.Field>(open_department_id: OpenId) =>
  Schema.Struct({
    open_department_id,
    department_id: string,
    name: string,
    parent_department_id: string,
    leader_user_id: string,
    chat_id: string,
    order: optional(Schema.Union(Schema.Number, Schema.String)),
    status: optional(Schema.Struct({ is_deleted: boolean })),
    leaders: optional(Schema.Array(Schema.Struct({ leaderType: number, leaderID: string }))),
    department_hrbps: optional(Schema.Array(UserIds)),
    i18n_name: optional(I18nName),
    unit_ids: strings,
    member_count: number,
    primary_member_count: number,
    group_chat_employee_types: optional(Schema.Array(Schema.Number))
  })

const Department = departmentWith(Schema.String)

/**
 * The payload when a department is created.
 *
 * @since 0.1.0
 * @category models
 */
export interface DepartmentCreated {
  readonly object: Department
}

/**
 * A department was created.
 *
 * Source: "部门新建". Event type: `contact.department.created_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const DepartmentCreated: Definition<DepartmentCreated> = make({
  type: "contact.department.created_v3",
  payload: fromUnknown(Schema.Struct({ object: Department }))
})

/**
 * The payload when a department changes or is deleted.
 *
 * @since 0.1.0
 * @category models
 */
export interface DepartmentChanged {
  readonly object: Department
  /** The department before the change. */
  readonly old_object?: OldDepartment | undefined
}

const DepartmentChanged: Schema.Schema<DepartmentChanged, unknown> = fromUnknown(Schema.Struct({
  object: Department,
  old_object: optional(departmentWith(string))
}))

/**
 * The data of a department changed.
 *
 * Source: "部门信息变化". Event type: `contact.department.updated_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const DepartmentUpdated: Definition<DepartmentChanged> = make({
  type: "contact.department.updated_v3",
  payload: DepartmentChanged
})

/**
 * A department was deleted.
 *
 * Source: "部门被删除". Event type: `contact.department.deleted_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const DepartmentDeleted: Definition<DepartmentChanged> = make({
  type: "contact.department.deleted_v3",
  payload: DepartmentChanged
})

/**
 * A part of the contacts that the app may read.
 *
 * @since 0.1.0
 * @category models
 */
export interface ContactScope {
  readonly departments?: ReadonlyArray<Department> | undefined
  readonly users?: ReadonlyArray<User> | undefined
  readonly user_groups?:
    | ReadonlyArray<{
      readonly user_group_id?: string | undefined
      readonly name?: string | undefined
      /** 1: normal, 2: dynamic. */
      readonly type?: number | undefined
      readonly member_count?: number | undefined
      /** 0: unknown, 1: computed, 2: being computed, 3: failed. */
      readonly status?: number | undefined
    }>
    | undefined
}

const ContactScope = Schema.Struct({
  departments: optional(Schema.Array(Department)),
  users: optional(Schema.Array(User)),
  user_groups: optional(Schema.Array(Schema.Struct({
    user_group_id: string,
    name: string,
    type: number,
    member_count: number,
    status: number
  })))
})

/**
 * The payload when the app's contact scope changes.
 *
 * @since 0.1.0
 * @category models
 */
export interface ContactScopeUpdated {
  readonly added?: ContactScope | undefined
  readonly removed?: ContactScope | undefined
}

/**
 * The part of the contacts that the app may read changed.
 *
 * Source: "通讯录权限范围变更". Event type: `contact.scope.updated_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const ContactScopeUpdated: Definition<ContactScopeUpdated> = make({
  type: "contact.scope.updated_v3",
  payload: fromUnknown(Schema.Struct({ added: optional(ContactScope), removed: optional(ContactScope) }))
})

// Callbacks.

/**
 * The user who caused a callback.
 *
 * @since 0.1.0
 * @category models
 */
export interface Operator {
  readonly open_id: string
  readonly union_id?: string | undefined
  /** Requires `contact:user.employee_id:readonly`. */
  readonly user_id?: string | undefined
  readonly tenant_key?: string | undefined
}

const Operator = Schema.Struct({ open_id: Schema.String, union_id: string, user_id: string, tenant_key: string })

/**
 * A card that the answer holds as JSON.
 *
 * @since 0.1.0
 * @category models
 */
export interface RawCard {
  readonly type: "raw"
  /** A card of JSON 1.0 or 2.0, the same version as the card that the answer replaces. */
  readonly data: object
}

/**
 * A card that was made in the platform's card builder.
 *
 * @since 0.1.0
 * @category models
 */
export interface TemplateCard {
  readonly type: "template"
  readonly data: {
    readonly template_id: string
    /** For example `1.0.0`. */
    readonly template_version_name?: string | undefined
    /** The values of the card's variables. */
    readonly template_variable?: { readonly [name: string]: unknown } | undefined
  }
}

const Card = Schema.Union(
  Schema.Struct({ type: Schema.Literal("raw"), data: Schema.Object }),
  Schema.Struct({
    type: Schema.Literal("template"),
    data: Schema.Struct({
      template_id: Schema.String,
      template_version_name: Schema.optional(Schema.String),
      template_variable: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
    })
  })
).annotations({ identifier: "Card" })

/**
 * Answers with a card that is JSON.
 *
 * @since 0.1.0
 * @category constructors
 */
export const card = (data: object): RawCard => ({ type: "raw", data })

/**
 * Answers with a card that was made in the platform's card builder.
 *
 * @since 0.1.0
 * @category constructors
 */
export const templateCard = (
  /** The id of the card in the card builder. */
  id: string,
  options?: {
    /** For example `1.0.0`. */
    readonly version?: string | undefined
    /** The values of the card's variables. */
    readonly variables?: { readonly [name: string]: unknown } | undefined
  }
): TemplateCard => ({
  type: "template",
  data: {
    template_id: id,
    ...(options?.version !== undefined && { template_version_name: options.version }),
    ...(options?.variables !== undefined && { template_variable: options.variables })
  }
})

/**
 * A short note that the client shows.
 *
 * @since 0.1.0
 * @category models
 */
export interface Toast {
  readonly type?: "info" | "success" | "error" | "warning" | undefined
  readonly content?: string | undefined
  /** The content in several languages, for example `zh_cn`, `en_us` and `ja_jp`. */
  readonly i18n?: { readonly [language: string]: string } | undefined
}

/**
 * Answers with a short note.
 *
 * @since 0.1.0
 * @category constructors
 */
export const toast = (
  type: "info" | "success" | "error" | "warning",
  content: string,
  /** The content in several languages, for example `zh_cn`, `en_us` and `ja_jp`. */
  i18n?: { readonly [language: string]: string }
): Toast => ({ type, content, ...(i18n !== undefined && { i18n }) })

/**
 * The toast that `EventSubscription` answers to a card action if the handler fails, takes too long, cannot decode the payload,
 * or returns an answer of a wrong shape. The log has the reason.
 *
 * @since 0.1.0
 * @category constants
 */
export const failureToast: Toast = Callbacks.failureToast

/**
 * Where the card or the link is.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallbackContext {
  /** The link. In a card action: only if the card is a link preview. */
  readonly url?: string | undefined
  /** For the call "更新 URL 预览". Absent while the user is still typing the message. */
  readonly preview_token?: string | undefined
  /** Absent or empty while the user is still typing the message. */
  readonly open_message_id?: string | undefined
  /** Absent or empty while the user is still typing the message. */
  readonly open_chat_id?: string | undefined
}

/**
 * The payload of a card action.
 *
 * @since 0.1.0
 * @category models
 */
export interface CardAction {
  readonly operator: Operator
  /**
   * Updates the card later. Valid for 30 minutes, twice at most.
   *
   * A credential, and plain in `FeishuEvent.raw` and in the undecoded `FeishuEvent.payload`: log neither of them. In a schema
   * of your own, read the token with `Schema.Redacted`, because the error of a filter prints the value that the filter refuses.
   */
  readonly token: Redacted.Redacted
  readonly action: {
    /** The type of component: `button`, `select_static` and others. */
    readonly tag: string
    /** The `value` of the component, as the app has set it. */
    readonly value?: string | { readonly [name: string]: unknown } | undefined
    /** The name of the component, if the app has set one. */
    readonly name?: string | undefined
    /** The input of a form: by the name of each component, a string or an array of strings. */
    readonly form_value?: { readonly [name: string]: unknown } | undefined
    /** The text of an input outside a form. */
    readonly input_value?: string | undefined
    /** The choice in a component outside a form. */
    readonly option?: string | undefined
    /** The choices in a component that allows several, outside a form. */
    readonly options?: ReadonlyArray<string> | undefined
    /** The state of a checker outside a form. */
    readonly checked?: boolean | undefined
    /** The user's time zone, for example `Asia/Shanghai`. Only from components that choose a date or a time. */
    readonly timezone?: string | undefined
  }
  /** Where the card is: `im_message` or `im_top_notice`. */
  readonly host?: string | undefined
  /** `url_preview` if the card is a link preview. */
  readonly delivery_type?: string | undefined
  readonly context?: CallbackContext | undefined
}

/** Leaves the value out of the message for a value that is not a string. */
const Credential = Schema.Redacted(Schema.String.annotations({ message: () => "Expected a string" }))

/**
 * The answer to a card action. `{}` changes nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface CardActionAnswer {
  readonly toast?: Toast | undefined
  /** Replaces the card. */
  readonly card?: RawCard | TemplateCard | undefined
}

/**
 * A user clicked a button of a card, sent a form, or chose an option.
 *
 * Source: "卡片回传交互回调". Callback type: `card.action.trigger`. Scope: none.
 *
 * @since 0.1.0
 * @category callbacks
 */
export const CardAction: CallbackDefinition<CardAction, unknown, CardActionAnswer, CardActionAnswer> = makeCallback({
  type: "card.action.trigger",
  payload: fromUnknown(Schema.Struct({
    operator: Operator,
    token: Credential,
    action: Schema.Struct({
      tag: Schema.String,
      value: optional(Schema.Union(Schema.String, Schema.Record({ key: Schema.String, value: Schema.Unknown }))),
      name: string,
      form_value: optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
      input_value: string,
      option: string,
      options: strings,
      checked: boolean,
      timezone: string
    }),
    host: string,
    delivery_type: string,
    context: optional(
      Schema.Struct({ url: string, preview_token: string, open_message_id: string, open_chat_id: string })
    )
  })),
  answer: Schema.Struct({
    toast: Schema.optional(
      Schema.Struct({
        type: Schema.optional(Schema.Literal("info", "success", "error", "warning")),
        content: Schema.optional(Schema.String),
        i18n: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String }))
      }).annotations({ identifier: "Toast" })
    ),
    card: Schema.optional(Card)
  })
})

/**
 * The payload when a link needs a preview.
 *
 * @since 0.1.0
 * @category models
 */
export interface LinkPreview {
  readonly operator: Operator
  /** Where the link is: `im_message` or `im_top_notice`. */
  readonly host?: string | undefined
  readonly context: CallbackContext & { readonly url: string }
}

/**
 * The answer with a preview. `{}` leaves the link as it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface LinkPreviewAnswer {
  /** The text that replaces the link. */
  readonly inline?: {
    readonly title?: string | undefined
    /** The title in several languages, for example `zh_cn` and `en_us`. Wins over `title`. */
    readonly i18n_title?: { readonly [language: string]: string } | undefined
    /** The icon before the title, from the call "上传图片". */
    readonly image_key?: string | undefined
    readonly url?: {
      /** The link that a user copies. */
      readonly copy_url?: string | undefined
      readonly ios?: string | undefined
      readonly android?: string | undefined
      readonly pc?: string | undefined
      readonly web?: string | undefined
    } | undefined
  } | undefined
  readonly card?: RawCard | TemplateCard | undefined
}

/**
 * A user sees a link that matches one of the app's URL rules.
 *
 * Source: "拉取链接预览数据". Callback type: `url.preview.get`. Scope: none.
 *
 * @since 0.1.0
 * @category callbacks
 */
export const LinkPreview: CallbackDefinition<LinkPreview, unknown, LinkPreviewAnswer, LinkPreviewAnswer> = makeCallback(
  {
    type: "url.preview.get",
    payload: fromUnknown(Schema.Struct({
      operator: Operator,
      host: string,
      context: Schema.Struct({
        url: Schema.String,
        preview_token: string,
        open_message_id: string,
        open_chat_id: string
      })
    })),
    answer: Schema.Struct({
      inline: Schema.optional(
        Schema.Struct({
          title: Schema.optional(Schema.String),
          i18n_title: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String })),
          image_key: Schema.optional(Schema.String),
          url: Schema.optional(Schema.Struct({
            copy_url: Schema.optional(Schema.String),
            ios: Schema.optional(Schema.String),
            android: Schema.optional(Schema.String),
            pc: Schema.optional(Schema.String),
            web: Schema.optional(Schema.String)
          }))
        }).annotations({ identifier: "Inline" })
      ),
      card: Schema.optional(Card)
    })
  }
)
