-- Orthanc: send every study at rest to the service "ho" of DicomModalities (docs/pacs.md).
-- The service takes films alone and ignores its own results, so what comes back begins no loop.
function OnStableStudy(study, tags, metadata)
  local job = {Resources = {study}, Permissive = true, Synchronous = false}
  RestApiPost("/modalities/ho/store", DumpJson(job))
end
