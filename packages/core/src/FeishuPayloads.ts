/**
 * The payloads of the events and callbacks of `FeishuEvents`, and the answers to callbacks, as plain interfaces.
 *
 * Imports nothing, so that `promise`, which does not name Effect in its types, can name the payloads.
 *
 * @since 0.1.0
 */

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
 * @since 0.1.0
 * @category models
 */
export interface DepartmentName {
  readonly name?: string | undefined
  readonly i18n_name?: I18nName | undefined
}

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
   * Updates the card later. Valid for 30 minutes, twice at most. A credential: `promise` makes it a property that
   * `console.log`, `JSON.stringify` and object spread leave out.
   */
  readonly token: string
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
