/** IO limits: how fast a compartment may read and write what lies on disks. Plain data; what is not there is not limited. */

export interface IoLimits {
  /** Whole bytes in a second. */
  readonly readBytes?: number;
  readonly writeBytes?: number;
  /** Whole operations in a second, however large each is. */
  readonly readOperations?: number;
  readonly writeOperations?: number;
}
