/** The shapes of the console's REST, named as the screens use them. */

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Session {
  user_id: number;
  login: string;
  name: string;
  organisation_id: number;
  organisation_name?: string;
  rights: string[];
  must_change_password: boolean;
}

export type Names = { name_zh: string; name_en: string };

export interface Person {
  id: number;
  number: string;
  name: string;
  phone_masked: string | null;
  group_id: number | null;
  group_name: string | null;
  home_site_id: number | null;
  home_site_name: string | null;
  state: string;
  /** Why this person may not pay; empty where they may. */
  blocked: string;
  valid_from: string | null;
  valid_until: string | null;
}

export interface PersonDetail extends Person {
  phone: string | null;
  identity_number: string | null;
  identity_number_masked: string;
  pin_over_fen: number;
  day_pin_over_fen: number;
  joined_at: string;
  left_at: string | null;
}

export interface Credential {
  id: number;
  kind: string;
  value_masked: string;
  valid_from: string | null;
  valid_until: string | null;
  cap_fen: number;
  made_at: string;
  revoked_at: string | null;
  revoked_reason: string;
  confirmed_sites: number;
  sites: number;
  token: string | null;
}

export interface Group extends Names {
  id: number;
  name?: string;
}

export interface Site extends Names {
  id: number;
  time_zone: string;
}

export interface Bucket extends Names {
  id: number;
  kind: number;
  starts_on: string | null;
  expires_on: string | null;
  lane_kinds: number[];
  canteens: number[];
  periods: number[];
  meal_limit_fen: number;
  day_limit_fen: number;
  month_limit_fen: number;
  counting: boolean;
  state: string;
  period: string;
}

export interface Balance extends Names {
  bucket_id: number;
  kind: number;
  counting: boolean;
  expires_on: string | null;
  available_fen: number;
  at: { site_id: number; site_name: string; epoch: number; amount_fen: number }[];
  in_doubt_fen: number;
  total_fen: number;
}

export interface Flow {
  id: number;
  at: string;
  business_day: number;
  kind: number;
  bucket_id: number;
  amount_fen: number;
  balance_after_fen: number | null;
  place: string;
  entry_id: string | null;
  memo: string;
}

export interface Moved {
  amount_fen: number;
  state: "done" | "asked";
  asked_fen: number;
  receivable_fen: number;
  available_fen: number;
  total_fen: number;
}

export interface SubsidyRule {
  id: number;
  name: string;
  bucket_kind: number;
  group_ids: number[];
  amount_fen: number;
  valid_months: number;
  stopped: boolean;
}

export interface GrantOutcome {
  granted: number;
  already: number;
  exceptions: { person_id: number; number: string; reason: string }[];
  total_fen: number;
  bucket_id: number | null;
  dry_run: boolean;
}

export interface SubsidyFileOutcome {
  rows: number;
  granted: number;
  errors: { row: number; field: string; code: string; detail: string }[];
  total_fen: number;
  digest: string;
  repeated: boolean;
  dry_run: boolean;
}

export interface Clearing {
  id: number;
  bucket_id: number;
  name_zh: string;
  started_at: string;
  cleared_fen: number;
  waiting: { site_id: number; site_name: string; amount_fen: number }[];
  waiting_fen: number;
  state: string;
}

export interface MoneyException {
  id: number;
  at: string;
  entry_id: string | null;
  person_id: number;
  bucket_id: number;
  amount_fen: number;
  reason: string;
  state: string;
  bearer: string | null;
  note: string | null;
}

export interface Scene {
  id: number;
  lane_kind: number;
  canteen_id: number;
  deduct_order: number[];
  ratio: [number, number][];
  single_limit_fen: number;
  offline_days_max: number;
}

export interface PriceRule {
  id: number;
  name: string;
  priority: number;
  groups: number[];
  periods: number[];
  canteens: number[];
  lane_kinds: number[];
  percent_permille: number;
  first_n: number;
  first_permille: number;
  fee_permille: number;
  fee_fen: number;
  fixed_fen: number;
  stopped: boolean;
}

export interface LimitRule {
  id: number;
  name: string;
  groups: number[];
  lane_kinds: number[];
  canteens: number[];
  periods: number[];
  per: number;
  times: number;
  amount_fen: number;
  when_absent: "refuse" | "full";
  stopped: boolean;
}

export interface NamedTotal {
  id: number;
  name: string;
  amount_fen: number;
  other_fen: number;
  difference_fen: number;
}

export interface Statement {
  month: string;
  people: Record<
    | "opening_fen"
    | "topped_up_fen"
    | "subsidies_fen"
    | "cash_fen"
    | "spent_fen"
    | "refunded_fen"
    | "withdrawn_fen"
    | "cleared_fen"
    | "corrected_fen"
    | "closing_fen",
    number
  >;
  balances_fen: number;
  balances_difference_fen: number;
  stalls: NamedTotal[];
  subsidies: NamedTotal[];
  gateways: NamedTotal[];
  exceptions_fen: number;
  agrees: boolean;
}

export interface Canteen extends Names {
  id: number;
  site_id: number;
  day_starts_minute: number;
}

export interface Stall extends Names {
  id: number;
  canteen_id: number;
}

export interface Lane extends Names {
  id: number;
  code: string;
  canteen_id: number;
  stall_id: number;
  kind: number;
  station: number;
  dish_id: number | null;
  stopped: boolean;
}

export interface Period extends Names {
  id: number;
  start_minute: number;
  end_minute: number;
  canteens: number[];
  weekdays: number[];
  stopped: boolean;
}

export interface Dish extends Names {
  id: number;
  category: string;
  by_weight: boolean;
  stopped: boolean;
  price_fen: number | null;
}

export interface PlateKind extends Names {
  id: number;
  price_fen: number;
  colour: string;
}

export interface Plate {
  uid: string;
  kind_id: number;
  kind_name: string;
  dish_id: number | null;
  dish_name: string | null;
  stopped: boolean;
}

export interface Price {
  version: number;
  dish_id: number;
  canteen_id: number | null;
  price_fen: number;
  effective_from_at: string;
  made_at: string;
}

export interface Spread {
  sites: { site_id: number; confirmed: boolean; lanes: number }[];
  confirmed: number;
  total: number;
  lanes_confirmed: number;
  lanes_total: number;
}

export interface Closing {
  entry_id: string;
  at: string;
  business_day: number;
  lane_id: number;
  lane_code: string;
  canteen_id: number;
  settlements: number;
  settled_fen: number;
  refunds: number;
  refunded_fen: number;
  cash_fen: number;
  cash_counted_fen: number | null;
  state: string;
  operator_id: number;
  ledger_fen: number;
  difference_fen: number;
}

export interface Settlement {
  entry_id: string;
  at: string;
  lane_code: string;
  lane_name: string;
  person_id: number | null;
  person_name: string | null;
  receipt_no: number | string;
  amount_fen: number;
  refunded_fen: number;
  business_day: number;
  period_name: string | null;
  credential_kind: number | string | null;
  state: string;
}

export interface SettlementLine {
  dish_id: number | null;
  dish_name: string | null;
  plate: string | null;
  quantity: number;
  weight_g: number | null;
  unit_price_fen: number | null;
  amount_fen: number;
}

export interface Transfer {
  id: number | string;
  kind: number | string;
  debit: string;
  credit: string;
  amount_fen: number;
}

export interface SettlementDetail extends Settlement {
  lines: SettlementLine[];
  shares: { bucket_id: number; name_zh: string; name_en?: string; amount_fen: number }[];
  transfers: Transfer[];
  gross_fen: number;
  discount_fen: number;
  fee_fen: number;
  prices_version: number;
  rules_version: number;
  refunds: { entry_id: string | null; request_id: number | null; at: string; amount_fen: number; reason: string; operator_id: number | null }[];
  chain: { seq: number; hash: string; checkpoint_seq: number | null; signed: boolean } | null;
}

export interface Today {
  day: string | number;
  sales_fen: number;
  settlements: number;
  refunds_fen: number;
  people: number;
  per_minute: { at: string; count: number; amount_fen: number }[];
  lanes: TodayLane[];
  gateways_offline: { id: number; name: string; offline_since_at: string; waiting: number }[];
  top_dishes: { dish_id: number; name_zh: string; name_en?: string; count: number; amount_fen: number }[];
}

export interface TodayLane extends Partial<Names> {
  id: number;
  code: string;
  canteen_id: number;
  canteen_name?: string;
  state: string;
  queue: number | null;
  sales_fen: number;
  settlements: number;
  last_at: string | null;
}

export interface Gateway {
  id: number;
  name: string;
  site_id: number;
  site_name: string;
  epoch: number;
  state: string;
  reason: string;
  stream_state: string;
  offline_since_at: string | null;
  head_seq: number;
  applied_through: number;
  safe_through: number;
  waiting: number;
  sum_fen: number;
  offset_ms: number;
  uncertainty_ms: number;
  key_id: number | null;
  key_made_at: string | null;
  disk_free_mb: number | null;
  replicas: Record<string, number>;
  lease_n: number;
  lease_newest_n: number;
  quarantined: number;
  parked: number;
  software: string;
}

export interface Missing {
  epoch: number;
  reported_seq: number;
  applied_through: number;
  missing_entries: number;
  missing_fen: number;
  heartbeat_at: string | null;
}

export interface ProvisioningCode {
  id: number;
  provisioning_code: string;
  expires_at: string;
  certificate?: Missing | null;
}

export interface Command {
  id: number;
  name: string;
  arguments: Record<string, unknown>;
  asked_by: string;
  asked_at: string;
  expires_at: string;
  state: string;
  answer: string;
  answered_at: string | null;
}

export interface CompletenessHour {
  hour_at: string;
  lane_id: number;
  received: number;
  applied: number;
  duplicate: number;
  quarantined: number;
  parked: number;
  complete: boolean;
}

export interface Quarantined {
  id: number;
  entry_id: string;
  gateway_name: string;
  kind: string | number;
  subject: string;
  received_at: string;
  reason_code: string;
  reason: string;
  parked_behind: number;
  state: "waiting" | "mended" | "replayed";
}

export interface QuarantinedDetail extends Quarantined {
  payload: Record<string, unknown> | null;
  body_hex: string;
  mended_payload?: Record<string, unknown> | null;
  approvals: { by?: string; name?: string; at: string }[];
  needs_approval?: boolean;
}

export interface AuditRecord {
  id: number;
  at: string;
  actor: string;
  action: string;
  target: string;
  before: unknown;
  after: unknown;
  hash: string;
}

export interface DemoState {
  enabled: boolean;
  receipts_fen: number;
  ledger_fen: number;
  waiting_fen: number;
  unshown_fen: number;
  agrees: boolean;
  speed: number;
  gateways: DemoGateway[];
}

export interface DemoGateway {
  name: string;
  alive: boolean;
  network: "up" | "cut" | "lossy";
  waiting: number;
  waiting_fen: number;
}
