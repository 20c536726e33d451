/** Migration: on this host, a recipe's image stands on another base than the recipe names. */

export interface Migration {
  /** What the recipe names. Once it names another one, the migration means nothing any more: the recipe's word is newer. */
  readonly from: string;
  readonly to: string;
}
