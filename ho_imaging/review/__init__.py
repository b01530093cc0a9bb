"""A reader looks at a study, corrects what was found and grades it; every decision is kept."""
