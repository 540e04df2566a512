/** The shapes of the console's REST by the names the screens use; the shapes themselves are made from the OpenAPI document. */
import type { components } from "./schema.generated";

type Schemas = components["schemas"];
/** What the server answers: a member with a default is always there. */
type Whole<T> = { [K in keyof T]-?: T[K] };

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

export type Session = Whole<Schemas["SessionAnswer"]>;
export type Person = Whole<Schemas["PersonOut"]>;
export type PersonDetail = Whole<Schemas["PersonDetail"]>;
export type Credential = Whole<Schemas["CredentialOut"]>;
export type Group = Whole<Schemas["GroupOut"]>;
export type Operator = Whole<Schemas["OperatorOut"]>;
export type Site = Whole<Schemas["SiteOut"]>;

export type Unconfirmed = Whole<Schemas["UnconfirmedOut"]>;
export type ConsentText = Whole<Schemas["ConsentTextOut"]>;
export type Face = Whole<Schemas["FaceOut"]>;
export type FaceSite = Whole<Schemas["FaceSiteOut"]>;
export type FacePicture = Whole<Schemas["FacePictureOut"]>;
export type FaceOutcome = Whole<Schemas["FaceOutcome"]>;

export type Bucket = Whole<Schemas["BucketOut"]>;
export type Balance = Whole<Schemas["BalanceOut"]>;
export type Flow = Whole<Schemas["FlowOut"]>;
export type Moved = Whole<Schemas["MovedOut"]>;
export type SubsidyRule = Whole<Schemas["SubsidyRuleOut"]>;
export type GrantOutcome = Whole<Schemas["GrantOut"]>;
export type SubsidyFileOutcome = Whole<Schemas["FileOut"]>;
export type Clearing = Whole<Schemas["ClearingOut"]>;
export type MoneyException = Whole<Schemas["ExceptionOut"]>;
export type Scene = Whole<Schemas["SceneOut"]>;
export type PriceRule = Whole<Schemas["PriceRuleOut"]>;
export type LimitRule = Whole<Schemas["LimitRuleOut"]>;
export type NamedTotal = Whole<Schemas["NamedTotal"]>;
export type Statement = Whole<Schemas["StatementOut"]>;

export type Canteen = Whole<Schemas["CanteenOut"]>;
export type Stall = Whole<Schemas["StallOut"]>;
export type Lane = Whole<Schemas["LaneOut"]>;
export type Period = Whole<Schemas["PeriodOut"]>;
export type Dish = Whole<Schemas["DishOut"]>;
export type PlateKind = Whole<Schemas["PlateKindOut"]>;
export type Plate = Whole<Schemas["PlateOut"]>;
export type Price = Whole<Schemas["PriceOut"]>;
export type Spread = Whole<Schemas["SpreadOut"]>;
export type Settlement = Whole<Schemas["SettlementOut"]>;
export type SettlementDetail = Whole<Schemas["SettlementDetail"]>;
export type SettlementLine = SettlementDetail["lines"][number];
export type Transfer = SettlementDetail["transfers"][number];
export type Today = Whole<Schemas["TodayOut"]>;
export type TodayLane = Today["lanes"][number];
export type Closing = Whole<Schemas["ClosingOut"]>;

export type Gateway = Whole<Schemas["cloud__domains__devices__schemas__GatewayOut"]>;
export type Missing = Whole<Schemas["CertificateOut"]>;
export type ProvisioningCode = Whole<Schemas["CodeOut"]> & { certificate?: Missing | null };
export type Command = Whole<Schemas["CommandOut"]>;
export type CompletenessHour = Whole<Schemas["HourOut"]>;
export type Quarantined = Whole<Schemas["QuarantineOut"]>;
export type QuarantinedDetail = Whole<Schemas["QuarantineDetailOut"]>;
export type Replayed = Whole<Schemas["ReplayedOut"]>;

export type AuditRecord = Whole<Schemas["RecordOut"]>;
export type Verification = Whole<Schemas["VerificationOut"]>;

export type DemoState = Whole<Schemas["DemoOut"]>;
export type DemoGateway = DemoState["gateways"][number];
