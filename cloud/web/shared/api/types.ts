/** The shapes of the console's REST, named as the screens use them. */

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Session {
  user: { id: number; name: string; rights: string[] };
  organisation: { id: number; name: string };
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
  state: string;
  blocked: boolean;
  valid_from: string | null;
  valid_until: string | null;
}

export interface Credential {
  id: number;
  kind: string;
  label?: string | null;
  masked?: string | null;
  state?: string;
  made_at?: string | null;
  revoked_at: string | null;
  confirmed_sites: number;
  sites: number;
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
  kind: string;
  unit?: string;
  expires_on: string | null;
  state?: string;
  spend_order?: number;
}

export interface Balance {
  bucket_id: number;
  name_zh: string;
  name_en?: string;
  kind: string;
  expires_on: string | null;
  available_fen: number;
  at: { site_id: number; site_name: string; epoch: number; amount_fen: number }[];
  in_doubt_fen: number;
  total_fen: number;
}

export interface Flow {
  id: number | string;
  at: string;
  kind: string;
  bucket_id: number;
  amount_fen: number;
  balance_after_fen: number | null;
  place: string | null;
  entry_id: string | null;
  memo: string | null;
}

export interface SubsidyRule {
  id: number;
  name: string;
  bucket_kind: string;
  group_ids: number[];
  amount_fen: number;
  valid_months: number;
}

export interface GrantOutcome {
  granted: number;
  already: number;
  exceptions: { person_id: number; number: string; reason: string }[];
  total_fen: number;
}

export interface SubsidyFileOutcome {
  rows: number;
  granted: number;
  errors: { row: number; field: string; detail: string }[];
  total_fen: number;
  digest: string;
}

export interface Clearing extends Partial<Names> {
  id: number;
  bucket_id: number;
  started_at: string;
  cleared_fen: number;
  waiting: { site_id: number; site_name: string; amount_fen: number }[];
  state: string;
}

export interface MoneyException {
  id: number;
  at: string;
  entry_id: string | null;
  person_id: number | null;
  amount_fen: number;
  reason: string;
  state: string;
}

export interface Canteen extends Names {
  id: number;
  site_id: number;
}

export interface Stall extends Names {
  id: number;
  canteen_id: number;
}

export interface Lane extends Names {
  id: number;
  code: string;
  canteen_id: number;
  stall_id: number | null;
  kind: string;
  scene_id?: number | null;
  fixed_price_fen?: number | null;
  state?: string;
}

export interface Period extends Names {
  id: number;
  canteen_id: number | null;
  starts: string | number;
  ends: string | number;
}

export interface Dish extends Names {
  id: number;
  code?: string | null;
  category?: string | null;
  price_fen?: number | null;
  by_weight?: boolean;
  state?: string;
}

export interface PlateKind extends Names {
  id: number;
  price_fen?: number | null;
  tare_g?: number | null;
}

export interface Plate {
  id?: number;
  uid: string;
  kind_id: number | null;
  kind_name?: string | null;
  dish_id: number | null;
  dish_name?: string | null;
  bound_at?: string | null;
}

export interface Price {
  version: number;
  dish_id: number;
  dish_name?: string | null;
  canteen_id: number | null;
  canteen_name?: string | null;
  price_fen: number;
  effective_from_at: string;
  made_by?: string | null;
  confirmed?: number;
  total?: number;
}

export interface Spread {
  sites: { site_id: number; site_name?: string; confirmed: boolean; lanes?: number }[];
  confirmed: number;
  total: number;
}

export interface Settlement {
  entry_id: string;
  at: string;
  lane_code: string;
  lane_name: string;
  person_id: number | null;
  person_name: string | null;
  receipt_no: string;
  amount_fen: number;
  refunded_fen: number;
  period_name: string | null;
  credential_kind: string | null;
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
  kind: string;
  debit: string;
  credit: string;
  amount_fen: number;
}

export interface SettlementDetail extends Settlement {
  lines: SettlementLine[];
  shares: { bucket_id: number; name_zh: string; name_en?: string; amount_fen: number }[];
  transfers: Transfer[];
  refunds: { entry_id?: string; at: string; amount_fen: number; reason: string | null; operator?: string | null }[];
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
  top_dishes: { dish_id: number; name_zh: string; name_en?: string; count?: number; quantity?: number; amount_fen: number }[];
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
  epoch: number | null;
  state: string;
  offline_since_at: string | null;
  head_seq: number;
  applied_through: number;
  safe_through: number;
  waiting: number;
  sum_fen: number;
  offset_ms: number | null;
  uncertainty_ms: number | null;
  key_id: string | null;
  key_made_at: string | null;
  disk_free_mb: number | null;
  replicas: Record<string, unknown>;
  lease_n: number;
  quarantined: number;
  parked: number;
}

export interface ProvisioningCode {
  id?: number;
  provisioning_code: string;
  expires_at: string;
}

export interface CompletenessHour {
  hour_at: string;
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
