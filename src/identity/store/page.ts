/** A part of a list, the latest first. */
export interface Page {
  limit: number;
  /** Only what has a smaller id. */
  before: number | undefined;
}
